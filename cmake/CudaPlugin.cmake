# libsoragen_cuda.so from src/cuda/plugin/ and the kernels. It exports one C function; CUDA's runtime is the one that
# LibTorch has already brought into the process, found by its name (libcudart.so.13).
add_library(soragen_cuda_plugin MODULE ${CMAKE_SOURCE_DIR}/src/cuda/plugin/plugin.cpp)
set_target_properties(soragen_cuda_plugin PROPERTIES OUTPUT_NAME soragen_cuda CXX_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
target_compile_definitions(soragen_cuda_plugin PRIVATE SORAGEN_TORCH_VERSION="${LibTorch_VERSION}")
target_link_libraries(soragen_cuda_plugin PRIVATE soragen_flags soragen_cuda soragen_cuda_kernels CUDA::cudart)
target_link_options(soragen_cuda_plugin PRIVATE LINKER:--exclude-libs,ALL LINKER:--no-undefined)

# libsoragen_cuda_graphs.so from src/ops/graphs_plugin/: it needs LibTorch's CUDA half, of which a LibTorch for processors
# alone has the headers only. The libraries that the half itself needs are found when it is opened.
if(TARGET LibTorch::cpu AND EXISTS ${LibTorch_LIB_DIR}/libtorch_cuda.so)
  add_library(soragen_cuda_graphs MODULE ${CMAKE_SOURCE_DIR}/src/ops/graphs_plugin/plugin.cpp)
  set_target_properties(soragen_cuda_graphs PROPERTIES CXX_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  target_compile_definitions(soragen_cuda_graphs PRIVATE SORAGEN_TORCH_VERSION="${LibTorch_VERSION}")
  target_include_directories(soragen_cuda_graphs PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(soragen_cuda_graphs PRIVATE soragen_flags LibTorch::cpu CUDA::cudart
    ${LibTorch_LIB_DIR}/libtorch_cuda.so ${LibTorch_LIB_DIR}/libc10_cuda.so)
  target_link_options(soragen_cuda_graphs PRIVATE LINKER:--no-undefined)
endif()
