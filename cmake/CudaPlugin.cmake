# libsoragen_cuda.so from src/cuda/plugin/ and the kernels. It exports one C function; CUDA's runtime is the one that
# LibTorch has already brought into the process, found by its name (libcudart.so.13).
add_library(soragen_cuda_plugin MODULE ${CMAKE_SOURCE_DIR}/src/cuda/plugin/plugin.cpp)
set_target_properties(soragen_cuda_plugin PROPERTIES OUTPUT_NAME soragen_cuda CXX_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
target_compile_definitions(soragen_cuda_plugin PRIVATE SORAGEN_TORCH_VERSION="${LibTorch_VERSION}")
target_link_libraries(soragen_cuda_plugin PRIVATE soragen_flags soragen_cuda soragen_cuda_kernels CUDA::cudart)
target_link_options(soragen_cuda_plugin PRIVATE LINKER:--exclude-libs,ALL LINKER:--no-undefined)
