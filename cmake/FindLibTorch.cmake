# LibTorch's CPU half as LibTorch::cpu, without TorchConfig (which demands a CUDA toolkit and edits
# global flags). LIBTORCH_ROOT (cache or environment) may be: a torch/ folder, an unpacked wheel that
# holds torch/, or a Python virtual environment with torch installed.
#
# The wheel's libraries carry DT_RPATH $ORIGIN/../../nvidia/*/lib, so `torch/` and `nvidia/` must
# stay side by side; nothing has to be patched and LD_LIBRARY_PATH stays empty.
#
# Unset, it is the folder that scripts/setup.sh unpacks the wheels of cmake/pins.txt into.
set(LIBTORCH_ROOT "$ENV{LIBTORCH_ROOT}" CACHE PATH "LibTorch folder, unpacked wheel or Python venv")
if(NOT LIBTORCH_ROOT)
  execute_process(COMMAND bash -c "root=$1; source \"$root/scripts/setup.sh\"; libtorch_root" bash ${PROJECT_SOURCE_DIR}
    OUTPUT_VARIABLE LIBTORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()

file(GLOB _libtorch_site ${LIBTORCH_ROOT}/lib/python3*/site-packages/torch)
find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h NO_CACHE NO_DEFAULT_PATH
  PATHS ${LIBTORCH_ROOT} ${LIBTORCH_ROOT}/torch ${_libtorch_site} PATH_SUFFIXES include)
if(LibTorch_INCLUDE_DIR)
  cmake_path(SET LibTorch_LIB_DIR NORMALIZE "${LibTorch_INCLUDE_DIR}/../lib")
  file(STRINGS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX MATCHALL "[0-9]+" _v "${_v}")
  string(JOIN "." LibTorch_VERSION ${_v})
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_LIB_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "LIBTORCH_ROOT is '${LIBTORCH_ROOT}'. scripts/soragen fetches the pinned one, or set it to a torch 2.11 folder or venv.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  # After the system's headers, not before: the wheel also carries fmt 12 and protobuf headers, which
  # would hide Debian's and then fail to link. Both folders are system headers to the compiler.
  set(_libtorch_include "SHELL:-idirafter \"${LibTorch_INCLUDE_DIR}\"")
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES IMPORTED_LOCATION "${LibTorch_LIB_DIR}/libc10.so"
    INTERFACE_COMPILE_OPTIONS "${_libtorch_include}"
    # As the wheel was built: a header includes the operators it uses and not all of them (3 s a file).
    INTERFACE_COMPILE_DEFINITIONS AT_PER_OPERATOR_HEADERS)
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES IMPORTED_LOCATION "${LibTorch_LIB_DIR}/libtorch_cpu.so"
    INTERFACE_COMPILE_OPTIONS "${_libtorch_include}"
    INTERFACE_LINK_LIBRARIES LibTorch::c10
    # libtorch_cpu needs libcudart and libcupti; they are found at run time through its own RPATH.
    INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
  # The wheel's OpenMP runtime must be the only one in the process: code compiled with -fopenmp links
  # this file instead of the compiler's own libgomp.
  set(LibTorch_GOMP "${LibTorch_LIB_DIR}/libgomp.so.1")
endif()
