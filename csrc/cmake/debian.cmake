# Debian packages, made by the target `package` where CMAKE_INSTALL_PREFIX is /usr: the library, what it takes to build
# with it, and the command if there is one.
set(CPACK_DEBIAN_PACKAGE_RELEASE 1 CACHE STRING "The Debian revision of the packages")
set(CPACK_PACKAGE_CONTACT "The Sparring authors <sparring@example.org>" CACHE STRING "The packages' maintainer")
mark_as_advanced(CPACK_DEBIAN_PACKAGE_RELEASE CPACK_PACKAGE_CONTACT)

# A package's description is a synopsis and a text.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
string(CONCAT about
  "Sparring trains image classifiers on images and hidden activations that are\n"
  "perturbed to make them fail, and measures how well they stand attacks.\n\n")

get_target_property(interface sparring SOVERSION)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libsparring${interface})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/csrc/cmake/triggers)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION
  "training of networks that stand adversarial perturbations (library)\n${about}This is the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libsparring-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS libopenblas-dev)
if(SPARRING_OPENMP STREQUAL omp5)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libomp-dev")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
  "training of networks that stand adversarial perturbations (headers)\n${about}This is the header, the static library, and what pkg-config and CMake\nfind them by.")

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME sparring)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_COMMAND_DESCRIPTION
  "training of networks that stand adversarial perturbations\n${about}This is the command.")

set(CPACK_COMPONENTS_ALL library development)
if(SPARRING_COMMAND)
  list(APPEND CPACK_COMPONENTS_ALL command)
endif()

file(READ LICENSE licence)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(csrc/cmake/copyright.in debian/copyright @ONLY)
configure_file(csrc/cmake/changelog.in debian/changelog @ONLY)
execute_process(COMMAND gzip -9 --no-name --stdout INPUT_FILE ${PROJECT_BINARY_DIR}/debian/changelog
  OUTPUT_FILE ${PROJECT_BINARY_DIR}/debian/changelog.Debian.gz)
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} key)
  install(FILES ${PROJECT_BINARY_DIR}/debian/copyright ${PROJECT_BINARY_DIR}/debian/changelog.Debian.gz
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${key}_PACKAGE_NAME} COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE sparring)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY >=)
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
