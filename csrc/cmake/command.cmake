# The command `sparring` is built by SwiftPM. Named here, it is installed beside the library, stripped and with the man
# pages and completions that its own help gives.
set(SPARRING_COMMAND "" CACHE FILEPATH "The built command, to be installed too; empty: the library alone")
if(NOT SPARRING_COMMAND)
  return()
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(installed ${PROJECT_BINARY_DIR}/command)
add_custom_command(OUTPUT ${installed}/sparring
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/csrc/cmake/command_documents.py ${SPARRING_COMMAND} ${installed}
  COMMAND ${CMAKE_STRIP} --strip-unneeded --remove-section=.comment -o ${installed}/sparring ${SPARRING_COMMAND}
  DEPENDS ${SPARRING_COMMAND} csrc/cmake/command_documents.py)
add_custom_target(sparring_command ALL DEPENDS ${installed}/sparring)

install(PROGRAMS ${installed}/sparring DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
install(DIRECTORY ${installed}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT command)
install(FILES ${installed}/bash/sparring DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  COMPONENT command)
install(FILES ${installed}/zsh/_sparring DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT command)
install(FILES ${installed}/fish/sparring.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
  COMPONENT command)
