# How everything is compiled: build types, warnings, sanitizers, ccache.

# Dev is not optimised: it builds in half the time of RelWithDebInfo. It keeps
# assertions.
set(CMAKE_CXX_FLAGS_DEV "" CACHE STRING "")
set(CMAKE_C_FLAGS_DEV "" CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG" CACHE STRING "" FORCE)

find_program(CCACHE ccache)
if(CCACHE)
  # The sloppiness is what ccache asks for with precompiled headers.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
else()
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

if(CARAVAN_SANITIZE)
  add_compile_options(-O1 -g1 -fsanitize=${CARAVAN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CARAVAN_SANITIZE})
  if(NOT CARAVAN_SANITIZE STREQUAL "thread")
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With this macro, protobuf's MapField has two members more than in the library
    # that Debian builds without it. Only libstdc++ is to know of ThreadSanitizer.
    # Clang does not define it.
    add_compile_options(-U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endif()
endif()

if(CARAVAN_FUZZ)
  # Coverage of the libraries is what guides the fuzzer.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()

# Flags of our own code, not of generated code.
set(CARAVAN_WARNINGS -Wall -Wextra -Werror -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely of std::string at -O2 and of sanitized code.
  list(APPEND CARAVAN_WARNINGS -Wno-restrict "$<$<CONFIG:RelWithDebInfo>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>")
  if(CARAVAN_SANITIZE)
    list(APPEND CARAVAN_WARNINGS -Wno-maybe-uninitialized -Wno-tsan)
  endif()
endif()

include(StringView)
