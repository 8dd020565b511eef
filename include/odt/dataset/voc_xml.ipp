// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/text_file.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <sstream>

namespace odt {

namespace detail::voc_xml {

/// A document and where its elements stand.
class source {
 public:
  source(std::string_view text, const std::string& path) : path_(path) {
    for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
      line_ends_.push_back(static_cast<std::ptrdiff_t>(at));
  }

  std::string place(std::ptrdiff_t offset) const {
    return str(path_, ":", 1 + (std::ranges::lower_bound(line_ends_, offset) - line_ends_.begin()));
  }
  std::string place(pugi::xml_node node) const { return place(node.offset_debug()); }

 private:
  const std::string& path_;
  std::vector<std::ptrdiff_t> line_ends_;
};

ODT_INLINE std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

ODT_INLINE std::optional<double> number(std::string_view text) { return number_in(trimmed(text)); }

/// A side of a picture; 0 when it is not given as a positive whole number.
ODT_INLINE int side(pugi::xml_node size, const char* name) {
  const auto value = number(size.child_value(name));
  return value && *value >= 1 && *value <= 1e6 && *value == std::floor(*value) ? static_cast<int>(*value) : 0;
}

ODT_INLINE bool flag(pugi::xml_node object, const char* name) {
  const std::string_view value = trimmed(object.child_value(name));
  return value == "1" || value == "true" || value == "True";
}

ODT_INLINE pixel_box read_bounds(pugi::xml_node bounds, const std::string& name, const source& file) {
  const auto read = [&](const char* side) {
    const pugi::xml_node child = bounds.child(side);
    if (!child) fail(file.place(bounds), ": \"", name, "\" has no <", side, ">; a box needs all four sides");
    if (const auto second = child.next_sibling(side))
      fail(file.place(second), ": a second <", side, "> of \"", name, "\"; each box needs a <bndbox> of its own");
    const auto value = number(child.child_value());
    if (!value)
      fail(file.place(child), ": <", side, "> of \"", name, "\" is \"", child.child_value(), "\"",
           deception(child.child_value()), "; a number of pixels is needed");
    return *value;
  };
  return {read("xmin"), read("ymin"), read("xmax"), read("ymax")};
}

/// Elements with which programs say where an object is, and what VOC says beside its box.
inline constexpr std::string_view label_elements[] = {
    "object", "bndbox", "bbox",     "box",      "robndbox",  "rotated_bndbox", "polygon", "segmentation", "mask",
    "part",   "points", "polyline", "keypoint", "keypoints", "ellipse",        "cuboid",  "line"};

ODT_INLINE std::string in_small_letters(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

ODT_INLINE bool is_label_element(pugi::xml_node node) {
  return std::ranges::find(label_elements, in_small_letters(node.name())) != std::end(label_elements);
}

/// Each <bndbox> of an <object>.
ODT_INLINE void read_object(pugi::xml_node node, const source& file, annotation& out) {
  annotated_object object;
  object.place = file.place(node);
  object.name = trimmed(node.child_value("name"));
  if (object.name.empty()) fail(object.place, ": an object without <name>; each needs the name of its class");
  if (const auto second = node.child("name").next_sibling("name"))
    fail(file.place(second), ": a second <name>, \"", trimmed(second.child_value()), "\", of \"", object.name,
         "\"; each object needs an <object> of its own");
  if (!node.child("bndbox")) {
    std::string other;
    for (const pugi::xml_node child : node.children())
      if (is_label_element(child)) other = str(" but a <", child.name(), ">, which is not read");
    fail(object.place, ": \"", object.name, "\" has no <bndbox>", other,
         "; write <xmin>, <ymin>, <xmax> and <ymax> within one");
  }
  object.difficult = flag(node, "difficult");
  object.truncated = flag(node, "truncated");
  object.pose = trimmed(node.child_value("pose"));
  for (const pugi::xml_node bounds : node.children("bndbox")) {
    if (bounds != node.child("bndbox")) object.place = file.place(bounds);
    try {
      object.bounds = read_bounds(bounds, object.name, file);
      out.objects.push_back(object);
    } catch (const error& e) {
      out.problems.emplace_back(e.what());
    }
  }
}

/// The node below `top` that follows in the text, be it within `node` or, when `inside` is false, after it; null at the
/// end.
ODT_INLINE pugi::xml_node following(pugi::xml_node node, pugi::xml_node top, bool inside) {
  if (inside && node.first_child()) return node.first_child();
  while (node != top && !node.next_sibling()) node = node.parent();
  return node == top ? pugi::xml_node() : node.next_sibling();
}

/// Labels that stand where they are not read. Without recursion: files nest as deep as they like.
ODT_INLINE void list_unread(pugi::xml_node root, const source& file, annotation& out) {
  bool inside = true;
  for (pugi::xml_node node = root.first_child(); node; node = following(node, root, inside)) {
    const pugi::xml_node parent = node.parent();
    const std::string_view name = node.name(), within = parent.name();
    inside =
        (parent == root && name == "object") || (within == "object" && name == "bndbox") || !is_label_element(node);
    if (inside) continue;
    if (in_small_letters(node.name()) == "object")
      out.problems.push_back(str(file.place(node), ": an <", name, "> within <", within,
                                 "> is not read; an <object> directly below <annotation> is"));
    else
      out.unread.push_back(str(file.place(node), ": <", name, "> within <", within, ">"));
  }
}

/// What stands beside the labels.
ODT_INLINE void list_others(pugi::xml_node root, const source& file, annotation& out) {
  for (const pugi::xml_node other : root.parent().children())
    if (other.type() == pugi::node_element && other != root)
      out.problems.push_back(
          str(file.place(other), ": <", other.name(),
              "> beside the first <annotation> is not read; a file holds the labels of one picture"));
  for (const char* const once : {"filename", "size"})
    for (auto next = root.child(once).next_sibling(once); next; next = next.next_sibling(once))
      out.unread.push_back(str(file.place(next), ": a second <", once, ">"));
}

/// The encoding that the XML declares, in the declaration's own letters; empty when it declares none.
ODT_INLINE std::string declared_encoding(std::string_view bytes) {
  if (!bytes.starts_with("<?xml")) return {};
  const std::string_view declaration = bytes.substr(0, bytes.find("?>"));
  std::size_t at = declaration.find("encoding");
  if (at == std::string_view::npos) return {};
  at = declaration.find_first_of("\"'", at);
  if (at == std::string_view::npos) return {};
  const std::size_t end = declaration.find(declaration[at], at + 1);
  return std::string(declaration.substr(at + 1, end == std::string_view::npos ? 0 : end - at - 1));
}

ODT_INLINE std::string decoded(std::string_view bytes, const std::string& path) {
  const std::string encoding = declared_encoding(bytes);
  // What declares UTF-16 and can be read as ASCII so far is UTF-8, as programs write it that know no bytes.
  if (encoding.empty() || in_small_letters(encoding).starts_with("utf"))
    return plain_text(bytes, path, text_encoding::unicode);
  return decoded_text(bytes, encoding, path);
}

}  // namespace detail::voc_xml

ODT_INLINE annotation read_voc_xml(const std::string& path) { return parse_voc_xml(read_file(path), path); }

ODT_INLINE annotation parse_voc_xml(std::string_view bytes, const std::string& path) {
  namespace d = detail::voc_xml;
  const std::string text = d::decoded(bytes, path);
  const d::source file(text, path);
  if (d::trimmed(text).empty()) fail(path, ": the file is empty; it should hold <annotation>");
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) fail(file.place(parsed.offset), ": not well-formed XML: ", parsed.description());
  const pugi::xml_node root = document.child("annotation");
  if (!root)
    fail(file.place(document.document_element()), ": the outermost element is <", document.document_element().name(),
         ">; labels in PASCAL VOC's form have <annotation>");

  annotation result;
  result.path = path;
  const pugi::xml_node named = root.child(root.child("filename") ? "filename" : "path");
  result.filename = detail::last_part(d::trimmed(named.child_value()));
  result.place = named ? file.place(named) : path;
  result.verified = d::trimmed(root.attribute("verified").value()) == "yes";
  const pugi::xml_node size = root.child("size");
  result.size = {d::side(size, "height"), d::side(size, "width")};
  if (result.size.height == 0 || result.size.width == 0) result.size = {};
  for (const pugi::xml_node node : root.children("object")) {
    try {
      d::read_object(node, file, result);
    } catch (const error& e) {
      result.problems.emplace_back(e.what());
    }
  }
  d::list_unread(root, file, result);
  d::list_others(root, file, result);
  return result;
}

ODT_INLINE std::string voc_xml_text(const annotation& source) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  const auto add = [](pugi::xml_node parent, const char* name, const std::string& value) {
    parent.append_child(name).append_child(pugi::node_pcdata).set_value(value.c_str());
  };
  add(root, "folder", "images");
  add(root, "filename", source.filename);
  pugi::xml_node size = root.append_child("size");
  add(size, "width", str(source.size.width));
  add(size, "height", str(source.size.height));
  add(size, "depth", "3");
  add(root, "segmented", "0");
  for (const annotated_object& object : source.objects) {
    pugi::xml_node node = root.append_child("object");
    add(node, "name", object.name);
    add(node, "pose", object.pose.empty() ? "Unspecified" : object.pose);
    add(node, "truncated", str(int{object.truncated}));
    add(node, "difficult", str(int{object.difficult}));
    pugi::xml_node bounds = node.append_child("bndbox");
    const std::pair<const char*, double> sides[] = {{"xmin", object.bounds.xmin},
                                                    {"ymin", object.bounds.ymin},
                                                    {"xmax", object.bounds.xmax},
                                                    {"ymax", object.bounds.ymax}};
    for (const auto& [name, value] : sides) add(bounds, name, str(std::lround(value)));
  }
  std::ostringstream out;
  document.save(out, "\t", pugi::format_indent | pugi::format_no_declaration);
  return out.str();
}

}  // namespace odt
