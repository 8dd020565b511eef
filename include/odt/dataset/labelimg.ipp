// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/labelimg.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/dataset/voc_xml.ipp>
#include <odt/io/file.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace odt {

namespace detail::labelimg {

ODT_INLINE void set_text(pugi::xml_node parent, const char* name, const std::string& value) {
  pugi::xml_node child = parent.child(name);
  if (!child) child = parent.append_child(name);
  if (value == child.child_value()) return;
  child.remove_children();
  if (!value.empty()) child.append_child(pugi::node_pcdata).set_value(value.c_str());
}

ODT_INLINE void set_verified(pugi::xml_node root, bool verified) {
  const bool was = std::string_view(root.attribute("verified").value()) == "yes";
  if (was == verified) return;
  root.remove_attribute("verified");
  if (verified) root.append_attribute("verified") = "yes";
}

ODT_INLINE void set_size(pugi::xml_node root, size2 size) {
  pugi::xml_node node = root.child("size");
  if (!node) node = root.append_child("size");
  set_text(node, "width", str(size.width));
  set_text(node, "height", str(size.height));
}

ODT_INLINE void set_bounds(pugi::xml_node object, const pixel_box& bounds) {
  const pixel_box b = labelimg_bounds(bounds);
  pugi::xml_node node = object.child("bndbox");
  if (!node) node = object.append_child("bndbox");
  const std::pair<const char*, double> sides[] = {
      {"xmin", b.xmin}, {"ymin", b.ymin}, {"xmax", b.xmax}, {"ymax", b.ymax}};
  for (const auto& [name, value] : sides) set_text(node, name, str(static_cast<std::int64_t>(value)));
}

ODT_INLINE void set_object(pugi::xml_node node, const annotated_object& object) {
  set_text(node, "name", object.name);
  set_text(node, "pose", object.pose.empty() ? "Unspecified" : object.pose);
  set_text(node, "truncated", str(int{object.truncated}));
  set_text(node, "difficult", str(int{object.difficult}));
  set_bounds(node, object.bounds);
}

/// lxml's way of writing what pugixml writes otherwise.
ODT_INLINE std::string text_of(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "\t", pugi::format_indent | pugi::format_no_declaration, pugi::encoding_utf8);
  std::string text = out.str();
  for (std::size_t at = text.find(" />"); at != std::string::npos; at = text.find(" />", at)) text.erase(at, 1);
  return text;
}

/// An object of the file that can be read: its element, and where it is shown.
struct known_object {
  pugi::xml_node node;
  annotated_object shown;
  bool used = false;
};

ODT_INLINE bool same(const annotated_object& a, const annotated_object& b) {
  const auto pose = [](const annotated_object& o) { return o.pose.empty() ? std::string("Unspecified") : o.pose; };
  return a.name == b.name && a.bounds == b.bounds && a.difficult == b.difficult && a.truncated == b.truncated &&
         pose(a) == pose(b);
}

/// An <object> with several boxes becomes as many with one.
ODT_INLINE void split_objects(pugi::xml_node root) {
  std::vector<pugi::xml_node> several;
  for (const pugi::xml_node node : root.children("object"))
    if (node.child("bndbox").next_sibling("bndbox")) several.push_back(node);
  for (pugi::xml_node node : several) {
    const auto boxes = std::distance(node.children("bndbox").begin(), node.children("bndbox").end());
    for (std::ptrdiff_t kept = 0; kept < boxes; ++kept) {
      pugi::xml_node copy = root.insert_copy_before(node, node);
      std::vector<pugi::xml_node> others;
      std::ptrdiff_t at = 0;
      for (const pugi::xml_node box : copy.children("bndbox"))
        if (at++ != kept) others.push_back(box);
      for (const pugi::xml_node box : others) copy.remove_child(box);
    }
    root.remove_child(node);
  }
}

/// The elements of the objects that parse_voc_xml read, in its order.
ODT_INLINE std::vector<known_object> known_objects(pugi::xml_node root, const label_change& change) {
  std::vector<known_object> known;
  pugi::xml_document one;
  for (const pugi::xml_node node : root.children("object")) {
    one.reset();
    one.append_child("annotation").append_copy(node);
    std::ostringstream text;
    one.save(text);
    if (parse_voc_xml(text.str(), change.path).objects.size() == 1) known.push_back({node, {}});
  }
  if (known.size() != change.shown.size())
    fail(change.path, ": has ", known.size(), " objects that can be read, and not the ", change.shown.size(),
         " that were shown");
  for (std::size_t i = 0; i < known.size(); ++i) known[i].shown = change.shown[i];
  return known;
}

ODT_INLINE double overlap(const pixel_box& a, const pixel_box& b) {
  const double w = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin),
               h = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [](const pixel_box& x) { return (x.xmax - x.xmin) * (x.ymax - x.ymin); };
  return w * h / (area(a) + area(b) - w * h);
}

/// The object that a wanted one was: the same, else the one that it lies upon.
ODT_INLINE known_object* find_same(std::vector<known_object>& known, const annotated_object& wanted) {
  const auto at = std::ranges::find_if(known, [&](const auto& k) { return !k.used && same(k.shown, wanted); });
  return at == known.end() ? nullptr : &*at;
}

ODT_INLINE known_object* find_moved(std::vector<known_object>& known, const annotated_object& wanted) {
  known_object* best = nullptr;
  double most = 0.3;
  for (known_object& k : known)
    if (const double o = overlap(k.shown.bounds, wanted.bounds); !k.used && o > most) best = &k, most = o;
  return best;
}

/// Writes the wanted objects behind those of the file, which are taken away then, but for the unreadable ones.
ODT_INLINE void replace_objects(pugi::xml_node root, std::vector<known_object>& known, const label_change& change,
                                bool frame_differs) {
  std::vector<known_object*> was(change.wanted.size());
  const auto find = [&](known_object* (*how)(std::vector<known_object>&, const annotated_object&), std::size_t i) {
    was[i] = how(known, change.wanted[i]);
    if (was[i]) was[i]->used = true;
  };
  for (std::size_t i = 0; i < was.size(); ++i) find(find_same, i);
  std::vector<bool> exact(was.size());
  for (std::size_t i = 0; i < was.size(); ++i) {
    exact[i] = was[i] != nullptr && !frame_differs;
    if (!was[i]) find(find_moved, i);
  }
  for (std::size_t i = 0; i < was.size(); ++i) {
    pugi::xml_node node = was[i] ? root.append_copy(was[i]->node) : root.append_child("object");
    if (!exact[i]) set_object(node, change.wanted[i]);
  }
  for (const known_object& k : known) root.remove_child(k.node);
}

}  // namespace detail::labelimg

ODT_INLINE bool labelimg_truncates(const pixel_box& bounds, size2 size) {
  const pixel_box b = labelimg_bounds(bounds);
  return b.ymax == size.height || b.ymin == 1 || b.xmax == size.width || b.xmin == 1;
}

ODT_INLINE pixel_box labelimg_bounds(const pixel_box& b) {
  return {std::trunc(std::max(b.xmin, 1.)), std::trunc(std::max(b.ymin, 1.)), std::trunc(b.xmax), std::trunc(b.ymax)};
}

ODT_INLINE std::string labelimg_text(const labelimg_picture& picture, std::span<const annotated_object> objects,
                                     bool verified) {
  namespace d = detail::labelimg;
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  d::set_verified(root, verified);
  d::set_text(root, "folder", detail::last_part(directory_of(picture.path)));
  d::set_text(root, "filename", detail::last_part(picture.path));
  d::set_text(root, "path", picture.path);
  d::set_text(root.append_child("source"), "database", "Unknown");
  d::set_size(root, picture.size);
  d::set_text(root.child("size"), "depth", str(picture.depth));
  d::set_text(root, "segmented", "0");
  for (const annotated_object& object : objects) d::set_object(root.append_child("object"), object);
  return d::text_of(document);
}

ODT_INLINE std::string changed_labels(const label_change& change) {
  namespace d = detail::labelimg;
  const std::string text = detail::voc_xml::decoded(change.earlier, change.path);
  const annotation before = parse_voc_xml(change.earlier, change.path);
  const bool frame_differs =
      !std::ranges::equal(before.objects, change.shown, {}, &annotated_object::bounds, &annotated_object::bounds);
  if (before.verified == change.verified && std::ranges::equal(change.shown, change.wanted, d::same))
    return std::string(change.earlier);
  pugi::xml_document document;
  document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_comments, pugi::encoding_utf8);
  pugi::xml_node root = document.child("annotation");
  d::set_verified(root, change.verified);
  if (!std::ranges::equal(change.shown, change.wanted, d::same)) {
    d::split_objects(root);
    std::vector<d::known_object> known = d::known_objects(root, change);
    if (frame_differs || before.size == size2{}) d::set_size(root, change.size);
    d::replace_objects(root, known, change, frame_differs);
  }
  return d::text_of(document);
}

}  // namespace odt
