# `cmake --install`: the tool, the archives, the public headers, and what `find_package(sessiontool)`
# needs to link them from another project as `sessiontool::session`.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(session_lib PROPERTIES EXPORT_NAME session)
set_target_properties(session_format PROPERTIES EXPORT_NAME format)
set_target_properties(session_schema PROPERTIES EXPORT_NAME schema)
foreach(target session_lib session_format session_schema)
  target_include_directories(${target} SYSTEM INTERFACE
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

install(TARGETS sessiontool RUNTIME)
install(TARGETS session_lib session_format session_schema EXPORT sessiontoolTargets ARCHIVE)
install(DIRECTORY format/include/session lib/include/session
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(DIRECTORY ${PROJECT_BINARY_DIR}/generated/session/schema
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/session FILES_MATCHING PATTERN *.capnp.h)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sessiontool)
install(EXPORT sessiontoolTargets NAMESPACE sessiontool:: DESTINATION ${package_dir})
configure_package_config_file(cmake/sessiontoolConfig.cmake.in
  ${PROJECT_BINARY_DIR}/sessiontoolConfig.cmake INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change what others see.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sessiontoolConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/sessiontoolConfig.cmake
  ${PROJECT_BINARY_DIR}/sessiontoolConfigVersion.cmake
  cmake/Dependencies.cmake
  DESTINATION ${package_dir})
