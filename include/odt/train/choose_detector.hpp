// SPDX-License-Identifier: MIT
// Which of a program's detectors a config asks for.
#pragma once

#include <odt/detector.hpp>

#include <span>
#include <string>
#include <string_view>

namespace odt {

/// The first type that fits the config. None: an error with what does not fit each of them and, where the library has
/// all the parts, the lines of source that make a program for this config. A device that has no detectors of its family
/// is refused.
const detector_type& choose_detector(std::span<const detector_type> types, const settings& root,
                                     std::string_view device = "cpu");

/// The whole source of a program whose detector fits the config; empty when the library lacks a part of it.
std::string source_for(const settings& root);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/choose_detector.ipp>
#endif
