# SPDX-License-Identifier: MIT
# find_package(flare) of CMake, in $(libdir)/cmake/flare.
cmakedir = $(libdir)/cmake/flare
nodist_cmake_DATA = %D%/flare-config.cmake %D%/flare-config-version.cmake
CLEANFILES += %D%/flare-config.cmake %D%/flare-config-version.cmake
EXTRA_DIST += %D%/flare-config.cmake.in %D%/flare-config-version.cmake.in

# The folders are known only here; a realpath without these options leaves the
# headers' where they were configured to be.
cmake_expand = includes=`realpath -m --relative-to='$(libdir)' \
		'$(includedir)' 2>/dev/null` || includes='$(includedir)'; \
	$(MKDIR_P) %D% && $(SED) \
		-e "s|@FLARE_CMAKE_INCLUDEDIR[@]|$$includes|" \
		-e 's|@FLARE_CMAKE_NEEDS[@]|$(FLARE_CMAKE_NEEDS)|' \
		-e 's|@FLARE_CMAKE_POINTER[@]|$(FLARE_CMAKE_POINTER)|' \
		-e 's|@PACKAGE_VERSION[@]|$(PACKAGE_VERSION)|'

%D%/flare-config.cmake: %D%/flare-config.cmake.in Makefile
	$(AM_V_GEN)$(cmake_expand) $(srcdir)/%D%/flare-config.cmake.in >$@
%D%/flare-config-version.cmake: %D%/flare-config-version.cmake.in Makefile
	$(AM_V_GEN)$(cmake_expand) \
		$(srcdir)/%D%/flare-config-version.cmake.in >$@
