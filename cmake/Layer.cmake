# What every target of ours is compiled with, and how a folder shows its headers.

add_library(sessiontool_options INTERFACE)
target_compile_options(sessiontool_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in `"text" + std::string` that is not there (its bug 105651).
  target_compile_options(sessiontool_options INTERFACE -Wno-restrict)
endif()
if(SESSIONTOOL_SANITIZE)
  target_compile_options(sessiontool_options INTERFACE
    -fsanitize=${SESSIONTOOL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sessiontool_options INTERFACE -fsanitize=${SESSIONTOOL_SANITIZE})
endif()
if(SESSIONTOOL_CANARY)
  if(NOT SESSIONTOOL_FUZZ OR SESSIONTOOL_TESTS)
    message(FATAL_ERROR "SESSIONTOOL_CANARY is for builds that hold nothing but fuzzers")
  endif()
  target_compile_definitions(sessiontool_options INTERFACE SESSIONTOOL_CANARY)
endif()

# Makes `#include "NAME/header.h"` work for those who link the target, and shows nothing else: the
# include path is a folder that holds one link, to this one.
function(session_layer_includes target scope name)
  set(view ${PROJECT_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${name} SYMBOLIC)
  target_include_directories(${target} ${scope} $<BUILD_INTERFACE:${view}>)
endfunction()
