# Warnings and sanitizers as one INTERFACE target; nothing is appended to global flags.
add_library(soragen_flags INTERFACE)
target_compile_options(soragen_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers
  # GCC 12 sees an overlapping memcpy in libstdc++'s own string operator+ (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(SORAGEN_WERROR)
  target_compile_options(soragen_flags INTERFACE -Werror)
endif()
if(SORAGEN_SANITIZE)
  target_compile_options(soragen_flags INTERFACE -fsanitize=${SORAGEN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(soragen_flags INTERFACE -fsanitize=${SORAGEN_SANITIZE})
endif()
