# soragen_module(<path under src> [DEPENDS module...] [LINKS external target...])
#   A static library soragen_<name> of every .cpp in that folder. DEPENDS is the architecture:
#   scripts/check_layers.py reads these calls and refuses any #include against them.
function(soragen_module path)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINKS" ${ARGN})
  string(REPLACE "/" "_" name ${path})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${path}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")  # belongs to an executable
  add_library(soragen_${name} STATIC ${sources})
  target_include_directories(soragen_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  target_link_libraries(soragen_${name} PRIVATE soragen_flags)
  foreach(module ${arg_DEPENDS})
    string(REPLACE "/" "_" module ${module})
    target_link_libraries(soragen_${name} PUBLIC soragen_${module})
  endforeach()
  target_link_libraries(soragen_${name} PUBLIC ${arg_LINKS})
endfunction()

# soragen_test(<path under tests> [LINKS ...]): test_<name> of every *_test.cpp in that folder,
# linked with the module of the same path.
function(soragen_test path)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  string(REPLACE "/" "_" name ${path})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${path}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE soragen_flags soragen_test_support soragen_${name} ${arg_LINKS} GTest::gtest_main GTest::gmock)
  gtest_discover_tests(test_${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    TEST_PREFIX ${name}. PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
