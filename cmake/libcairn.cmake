# libcairn, shared and static, and what other projects find it by: find_package(cairn) and pkg-config cairn.
file(GLOB libcairn_sources CONFIGURE_DEPENDS src/libcairn/*.cc)
foreach(form shared static)
  string(TOUPPER ${form} type)
  add_library(libcairn_${form} ${type} ${libcairn_sources})
  set_target_properties(libcairn_${form} PROPERTIES
    OUTPUT_NAME cairn EXPORT_NAME ${form} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    CXX_VISIBILITY_PRESET hidden)
  target_include_directories(libcairn_${form} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(libcairn_${form} INTERFACE cxx_std_17)
endforeach()

include(CMakePackageConfigHelpers)
set(cairn_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
install(TARGETS libcairn_shared libcairn_static EXPORT cairn
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT cairn FILE cairn-config.cmake NAMESPACE cairn:: DESTINATION ${cairn_cmake_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cairn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cairn-config-version.cmake DESTINATION ${cairn_cmake_dir})
# Relative, so that `cmake --install --prefix` may choose another place.
file(RELATIVE_PATH cairn_prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/cairn.pc.in ${CMAKE_BINARY_DIR}/cairn.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/cairn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES include/cairn/cairn.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cairn)
add_library(cairn_libcairn ALIAS libcairn_static)  # by the name that the tests of every library have
