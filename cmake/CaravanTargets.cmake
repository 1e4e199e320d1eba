# The few functions with which folders say what they contain. Each keeps one
# convention in one place, so that a service's CMakeLists is a list of names.

set(CARAVAN_GOOGLEAPIS ${CMAKE_SOURCE_DIR}/protos/node_modules/google-proto-files)
set(CARAVAN_GRPC_PROTO /usr/share/grpc-proto)
set(CARAVAN_GENERATED ${CMAKE_BINARY_DIR}/generated)

# caravan_proto_library(<target> ROOT <dir> PROTOS <file>... [SERVICES] [DEPENDS <target>...])
#
# Compiles protos, named relative to ROOT, to C++. With SERVICES, the plugin
# also writes the interfaces of their services, `<file>.service.h`, and their
# clients, `<file>.client.h`, which stand on clients/cpp.
function(caravan_proto_library target)
  cmake_parse_arguments(arg "SERVICES" "ROOT" "PROTOS;DEPENDS" ${ARGN})
  set(sources)
  set(services)
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(outputs ${CARAVAN_GENERATED}/${stem}.pb.cc ${CARAVAN_GENERATED}/${stem}.pb.h)
    set(flags --cpp_out=${CARAVAN_GENERATED})
    set(plugin)
    if(arg_SERVICES)
      list(APPEND outputs ${CARAVAN_GENERATED}/${stem}.service.h ${CARAVAN_GENERATED}/${stem}.client.h)
      list(APPEND flags --plugin=protoc-gen-caravan=$<TARGET_FILE:protoc-gen-caravan>
           --caravan_out=${CARAVAN_GENERATED})
      set(plugin protoc-gen-caravan)
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      # The system's include path comes first: googleapis brings another
      # descriptor.proto.
      COMMAND protobuf::protoc -I${arg_ROOT} -I${CMAKE_SOURCE_DIR}/protos -I/usr/include -I${CARAVAN_GOOGLEAPIS}
              --dependency_out=${CARAVAN_GENERATED}/${stem}.d ${flags} ${proto}
      DEPENDS ${arg_ROOT}/${proto} ${plugin}
      DEPFILE ${CARAVAN_GENERATED}/${stem}.d
      COMMENT "protoc ${proto}"
      VERBATIM)
    list(APPEND sources ${CARAVAN_GENERATED}/${stem}.pb.cc)
    list(APPEND services ${outputs})
  endforeach()
  file(MAKE_DIRECTORY ${CARAVAN_GENERATED})
  add_library(${target} STATIC ${sources})
  # -O1: generated code is large and not where the time goes.
  target_compile_options(${target} PRIVATE -O1 -w)
  target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${CARAVAN_GENERATED}>)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${arg_DEPENDS})
  # Whoever includes a generated header waits for it.
  add_custom_target(${target}_generated DEPENDS ${services})
  if(NOT TARGET generated)
    add_custom_target(generated)
  endif()
  add_dependencies(generated ${target}_generated)
  add_dependencies(${target} ${target}_generated)
  foreach(dependency IN LISTS arg_DEPENDS)
    add_dependencies(${target}_generated ${dependency}_generated)
  endforeach()
endfunction()

# caravan_library(<target> SOURCES <file>... [LINK <target>...])
#
# A library of our own code. Its headers are included by their path from the
# project's root.
function(caravan_library target)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${target} STATIC ${arg_SOURCES})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  target_compile_options(${target} PRIVATE ${CARAVAN_WARNINGS})
  target_link_libraries(${target} PUBLIC ${arg_LINK})
  caravan_precompile(${target})
endfunction()

# caravan_executable(<target> SOURCES <file>... [LINK <target>...])
function(caravan_executable target)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${target} ${arg_SOURCES})
  if(CARAVAN_SANITIZE)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:caravan_sanitizers>)
  endif()
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE ${CARAVAN_WARNINGS})
  target_link_libraries(${target} PRIVATE ${arg_LINK})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  caravan_precompile(${target})
endfunction()

# caravan_test(<target> SOURCES <file>... [LINK <target>...] [POSTGRES] [TIMEOUT <s>])
#
# A GoogleTest program, run whole as one ctest. POSTGRES: it needs the test
# database server, and is left out of the run where tests/run has started none.
function(caravan_test target)
  cmake_parse_arguments(arg "POSTGRES" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  caravan_executable(${target} SOURCES ${arg_SOURCES} LINK ${arg_LINK} GTest::gmock GTest::gtest_main)
  add_test(NAME ${target} COMMAND ${target})
  caravan_limit_test(${target} "${arg_TIMEOUT}" "${arg_POSTGRES}")
endfunction()

# caravan_command_test(<name> COMMAND <word>... [POSTGRES] [TIMEOUT <s>])
#
# The same of a command.
function(caravan_command_test name)
  cmake_parse_arguments(arg "POSTGRES" "TIMEOUT" "COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  caravan_limit_test(${name} "${arg_TIMEOUT}" "${arg_POSTGRES}")
endfunction()

# What both have: a time limit, 120 s where none is said, and a label.
function(caravan_limit_test name timeout postgres)
  if(NOT timeout)
    set(timeout 120)
  endif()
  if(CARAVAN_SANITIZE)
    math(EXPR timeout "${timeout} * 5")
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout})
  if(postgres)
    set_tests_properties(${name} PROPERTIES LABELS postgres)
  endif()
endfunction()

# caravan_program(<name>)
#
# The program caravan-<name>, of main.cc and the library caravan_<name>: one of
# those that are deployed.
function(caravan_program name)
  caravan_executable(caravan-${name} SOURCES main.cc LINK caravan_${name})
  if(NOT TARGET programs)
    add_custom_target(programs COMMENT "What is deployed")
  endif()
  add_dependencies(programs caravan-${name})
endfunction()

# caravan_service(<name> SOURCES <file>... [LINK <target>...])
#
# A service: the library caravan_<name> of its sources, and the program
# caravan-<name> of its main.cc.
function(caravan_service name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  caravan_library(caravan_${name} SOURCES ${arg_SOURCES} LINK caravan_common ${arg_LINK})
  caravan_program(${name})
  # What one thread allocates another frees, a group of calls at a time: this
  # takes about a tenth of a call's CPU less than glibc's. Sanitizers bring theirs.
  if(NOT CARAVAN_SANITIZE)
    target_link_libraries(caravan-${name} PRIVATE PkgConfig::JEMALLOC)
  endif()
endfunction()

# caravan_fuzz(<target> SOURCES <file>... [LINK <target>...])
function(caravan_fuzz target)
  if(NOT CARAVAN_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  caravan_executable(${target} SOURCES ${arg_SOURCES} LINK ${arg_LINK})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
endfunction()

# The headers that take the compiler longest, compiled once.
function(caravan_precompile target)
  if(NOT TARGET caravan_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "")
    add_library(caravan_pch STATIC ${CMAKE_BINARY_DIR}/pch.cc)
    target_include_directories(caravan_pch PRIVATE ${CMAKE_SOURCE_DIR})
    target_compile_options(caravan_pch PRIVATE ${CARAVAN_WARNINGS})
    target_link_libraries(caravan_pch PRIVATE gRPC::grpc++ protobuf::libprotobuf Threads::Threads)
    # In angle brackets: CMake writes it as it is, not by a path of this checkout, so
    # that ccache serves every checkout.
    target_precompile_headers(caravan_pch PRIVATE <cmake/pch.h>)
  endif()
  target_link_libraries(${target} PRIVATE gRPC::grpc++ protobuf::libprotobuf Threads::Threads)
  target_precompile_headers(${target} REUSE_FROM caravan_pch)
endfunction()
