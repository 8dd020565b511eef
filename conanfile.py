# SPDX-License-Identifier: MIT
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load
from conan.tools.scm import Version

required_conan_version = ">=2.3"


class OdtConan(ConanFile):
    name = "odt"
    description = "Object detector training in C++20: the TensorFlow Object Detection API's workflow as templates"
    license = "MIT"
    topics = ("object-detection", "deep-learning", "training", "ssd", "tensorflow", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "cuda": [True, False],  # the compiler and machine have to be nvcc 13's
        "cloud": [True, False],  # paths gs:// and s3://
        "grpc": [True, False],  # odt serve by gRPC
        "turbojpeg": [True, False],  # faster JPEG than stb's
        "webp": [True, False],  # WebP pictures
        "tiff": [True, False],  # TIFF pictures
        "fontconfig": [True, False],  # labels in any script by the system's fonts, loaded at run time
        "harfbuzz": [True, False],  # the same for Arabic, Hebrew and Indic scripts
        "flatbuffers": [True, False],  # exports to TFLite
        "xtensor": [True, False],  # odt/adapt.hpp
    }
    default_options = {"cuda": False, "cloud": False, "grpc": False, "turbojpeg": True, "webp": False, "tiff": False, "fontconfig": False,
                       "harfbuzz": False, "flatbuffers": False, "xtensor": False}
    exports_sources = "CMakeLists.txt", "LICENSE", "include/*", "proto/*"
    test_package_folder = "packaging/conan/test_package"

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "odt", "version.hpp"))
        self.version = re.search(r"ODT_VERSION \"([0-9.]+)\"", text).group(1)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("xsimd/[>=8.1 <15]")
        self.requires("protobuf/[>=3.21.12 <8]")
        self.requires("zlib/[>=1.2.11 <2]")
        self.requires("pugixml/[>=1.13 <2]")
        self.requires("nlohmann_json/[>=3.11 <4]")
        self.requires("cli11/[>=2.1.2 <3]")
        self.requires("leveldb/[>=1.22 <2]")
        self.requires("stb/[>=cci.20220908]")
        self.requires("boost/[>=1.74 <2]", options={"header_only": True})
        if self.options.cloud:
            self.requires("libcurl/[>=7.85 <9]")
            self.requires("openssl/[>=3 <4]")
        if self.options.grpc:
            self.requires("grpc/[>=1.51 <2]")
        if self.options.turbojpeg:
            self.requires("libjpeg-turbo/[>=2.1 <4]")
        if self.options.webp:
            self.requires("libwebp/[>=1.2 <2]")
        if self.options.tiff:
            self.requires("libtiff/[>=4.4 <5]")
        if self.options.fontconfig:
            self.requires("fontconfig/[>=2.13 <3]")
        if self.options.harfbuzz:
            self.requires("harfbuzz/[>=4 <12]")
        if self.options.flatbuffers:
            self.requires("flatbuffers/[>=2.0.8 <26]")
        if self.options.xtensor:
            self.requires("xtensor/[>=0.24.3 <0.28]", options={"xsimd": False})

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25]")

    def package_id(self):
        self.info.clear()

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration(f"{self.ref} is for Linux, not {self.settings.os}")
        compiler, version = self.settings.compiler, Version(self.settings.compiler.version)
        oldest = {"gcc": "12", "clang": "16"}
        newest_of_nvcc = {"gcc": "15", "clang": "20"}
        if str(compiler) not in oldest:
            raise ConanInvalidConfiguration(f"{self.ref} needs gcc or clang, not {compiler}")
        if version < oldest[str(compiler)]:
            raise ConanInvalidConfiguration(f"{self.ref} needs {compiler} {oldest[str(compiler)]} or newer; "
                                            f"this is {version}")
        check_min_cppstd(self, 20)
        if self.options.cuda:
            if self.settings.arch not in ("x86_64", "armv8"):
                raise ConanInvalidConfiguration(f"{self.ref} with cuda is for x86_64 and armv8")
            if version.major > newest_of_nvcc[str(compiler)]:
                raise ConanInvalidConfiguration(
                    f"{self.ref} with cuda needs {compiler} {newest_of_nvcc[str(compiler)]} or older, as nvcc 13 does; "
                    f"this is {version}")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        for part in ("TESTS", "EXAMPLES", "BENCH", "PACK"):
            toolchain.cache_variables[f"ODT_{part}"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # CMake users get odt's own targets, which compile odt::support in their tree.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["share/cmake/odt"]
        self.cpp_info.resdirs = ["share/odt"]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
