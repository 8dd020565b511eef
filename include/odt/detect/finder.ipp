// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/closest.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detect/finder.hpp>

namespace odt {

namespace detail::finding {

ODT_INLINE std::vector<bool> wanted_classes(const label_map& labels, const std::vector<std::string>& names,
                                            std::size_t classes) {
  std::vector<bool> wanted(names.empty() ? 0 : classes);
  for (const std::string& name : names) {
    const auto id = labels.id(name);
    if (!id || static_cast<std::size_t>(*id) > classes) {
      const auto all = labels.class_names();
      const std::string near = closest(name, all);
      fail("--classes: the detector knows no \"", name, "\"", near.empty() ? "" : str("; \"", near, "\" is meant?"),
           " Its classes are ", join(all, ", "));
    }
    wanted[static_cast<std::size_t>(*id - 1)] = true;
  }
  return wanted;
}

}  // namespace detail::finding

ODT_INLINE finder::finder(const ready_detector& source, const find_options& how)
    : model_(*source.model),
      tiles_(how.tiles),
      labels_(source.labels.empty() ? label_map::from_names(source.class_names()) : source.labels),
      names_(source.class_names()),
      wanted_(detail::finding::wanted_classes(labels_, how.classes, names_.size())) {
  if (tiles_) tiles_of({1, 1}, *tiles_);  // refuses what cannot be
}

ODT_INLINE detections finder::operator()(const image& picture) const {
  detections found = tiles_ ? detect_in_tiles(model_, picture, *tiles_) : model_.detect(picture);
  if (!wanted_.empty())
    std::erase_if(found, [this](const detection& d) { return !wanted_[static_cast<std::size_t>(d.label)]; });
  return found;
}

}  // namespace odt
