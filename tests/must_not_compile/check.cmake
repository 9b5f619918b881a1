# -DCOMPILER= -DSNIPPET= -DINCLUDES= (a list): the snippet compiles, and with MUST_NOT_COMPILE it
# does not, for the reason its first line gives: `// must fail: REGEX`.

file(STRINGS ${SNIPPET} first LIMIT_COUNT 1)
if(NOT first MATCHES "^// must fail: (.+)$")
  message(FATAL_ERROR "${SNIPPET} does not say what the compiler must say")
endif()
set(reason ${CMAKE_MATCH_1})
set(command ${COMPILER} -std=c++20 -fsyntax-only -Werror=unused-result)
foreach(folder IN LISTS INCLUDES)
  list(APPEND command -isystem ${folder})
endforeach()

execute_process(COMMAND ${command} ${SNIPPET} RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "does not compile as it stands:\n${output}")
endif()
execute_process(COMMAND ${command} -DMUST_NOT_COMPILE ${SNIPPET}
  RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "compiles, and must not (${reason})")
endif()
if(NOT output MATCHES "${reason}")
  message(FATAL_ERROR "fails for another reason than \"${reason}\":\n${output}")
endif()
