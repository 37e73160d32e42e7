# Enables CUDA where a compiler for it is found; CMAKE_CUDA_COMPILER tells. A machine without one loses only
# the CUDA plug-in: the kernels' tests run on the CPU.
include(CheckLanguage)
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(SORAGEN_NVCC nvcc HINTS ${CUDAToolkit_ROOT}/bin ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(SORAGEN_NVCC)
    set(CMAKE_CUDA_COMPILER ${SORAGEN_NVCC})
  endif()
endif()
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "No nvcc: the CUDA kernels are not compiled (their tests on the CPU are)")
  return()
endif()

# 120 also as PTX, for what comes after it. While working on one kernel: -DCMAKE_CUDA_ARCHITECTURES=80-real
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90a-real 120-real 120-virtual)
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has C++20 since 12.0
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
find_package(CUDAToolkit REQUIRED)
