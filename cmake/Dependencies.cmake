# The libraries our archives are linked with. This file is installed too: whoever links our archives
# needs the same libraries again. docs/dependencies.md says why each.
#
# Static archives where they exist: a tool called in a loop should not spend its time in the dynamic
# linker.

include_guard(GLOBAL)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(session_static_library target archive header)
  find_library(${target}_ARCHIVE NAMES lib${archive}.a REQUIRED)
  find_path(${target}_INCLUDE ${header} REQUIRED)
  mark_as_advanced(${target}_ARCHIVE ${target}_INCLUDE)
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${${target}_ARCHIVE}
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${${target}_INCLUDE})
endfunction()

session_static_library(session_dep_kj kj kj/common.h)
session_static_library(session_dep_capnp capnp capnp/message.h)
session_static_library(session_dep_zstd zstd zstd.h)
session_static_library(session_dep_crypto crypto openssl/evp.h)
target_link_libraries(session_dep_capnp INTERFACE session_dep_kj Threads::Threads)
target_link_libraries(session_dep_crypto INTERFACE Threads::Threads ${CMAKE_DL_LIBS})

# Of xxHash only the header is wanted, which holds all of it.
pkg_check_modules(XXHASH REQUIRED libxxhash)

# ISA-L comes as a shared library only; it too picks its vector unit at run time.
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET GLOBAL libisal)
