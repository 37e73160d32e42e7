# The official C2PA library (c2pa-rs through its C interface) as C2PA::c2pa. C2PA_ROOT (cache or environment) may be an
# unpacked c2pa-python wheel that holds c2pa/, or a Python virtual environment with c2pa-python installed. The wheel has
# no header: src/provenance/credentials/c2pa_api.h declares what is used, and the program refuses another version.
#
# Unset, it is the folder that scripts/setup.sh unpacks the wheel of cmake/pins.txt into; not cached, so that a new pin
# takes effect.
set(C2PA_ROOT "$ENV{C2PA_ROOT}" CACHE PATH "Unpacked c2pa-python wheel or Python venv")
set(_c2pa_root "${C2PA_ROOT}")
if(NOT _c2pa_root)
  execute_process(COMMAND bash -c "root=$1; source \"$root/scripts/setup.sh\"; c2pa_root" bash ${PROJECT_SOURCE_DIR}
    OUTPUT_VARIABLE _c2pa_root OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()

file(GLOB _c2pa_site ${_c2pa_root}/lib/python3*/site-packages)
unset(C2PA_LIBRARY)
find_library(C2PA_LIBRARY c2pa_c NO_CACHE NO_DEFAULT_PATH PATHS ${_c2pa_root} ${_c2pa_site} PATH_SUFFIXES c2pa/libs)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(C2PA REQUIRED_VARS C2PA_LIBRARY
  REASON_FAILURE_MESSAGE "C2PA_ROOT is '${_c2pa_root}'. scripts/soragen fetches the pinned one, or set it to a folder or venv with c2pa-python 0.38.1.")

if(C2PA_FOUND AND NOT TARGET C2PA::c2pa)
  add_library(C2PA::c2pa SHARED IMPORTED)
  # The library names itself nowhere: it is linked by -l and found through the program's RPATH.
  set_target_properties(C2PA::c2pa PROPERTIES IMPORTED_LOCATION "${C2PA_LIBRARY}" IMPORTED_NO_SONAME TRUE)
endif()
