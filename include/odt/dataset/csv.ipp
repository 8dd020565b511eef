// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/csv.hpp>
#include <odt/io/file.hpp>
#include <odt/io/text_file.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>
#include <utility>

namespace odt {

namespace detail::csv {

/// Takes rows apart (RFC 4180).
class rows {
 public:
  rows(std::string_view text, const std::string& path) : rest_(text), path_(path) {
    if (rest_.starts_with("sep=") && rest_.size() > 4) {  // as Excel reads and writes it
      separator_ = rest_[4];
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      return;
    }
    const std::string_view header = rest_.substr(0, rest_.find('\n', rest_.find_first_not_of('\n')));
    for (const char candidate : {';', '\t'})
      if (header.find(',') == std::string_view::npos && header.find(candidate) != std::string_view::npos)
        separator_ = candidate;
  }

  /// The cells of the next row that is not blank; false at the end.
  bool next(std::vector<std::string>& cells) {
    do {
      if (rest_.empty()) return false;
      line_ = ++lines_;
      take(cells);
    } while (cells.size() == 1 && cells[0].empty());
    return true;
  }

  std::size_t line() const { return line_; }  ///< where the row begins, from 1

  /// "t.csv:3", and for a row of several lines where it ends.
  std::string place() const {
    return str(path_, ":", line_, lines_ > line_ ? str(" (to line ", lines_, ", within quotes)") : std::string());
  }

 private:
  static bool blank(const std::string& cell) { return cell.find_first_not_of(" \t") == std::string::npos; }

  void take(std::vector<std::string>& cells) {
    cells.assign(1, {});
    bool quoted = false, was_quoted = false;
    std::size_t opened = 0;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (quoted && c == '"' && rest_.starts_with('"')) {
        cells.back() += c;
        rest_.remove_prefix(1);
      } else if (quoted && c == '"') {
        quoted = false;
      } else if (!quoted && !was_quoted && c == '"' && blank(cells.back())) {
        cells.back().clear();
        quoted = was_quoted = true;
        opened = lines_;
      } else if (!quoted && c == separator_) {
        cells.emplace_back();
        was_quoted = false;
      } else if (!quoted && c == '\n') {
        break;
      } else if (was_quoted && !quoted && c != ' ' && c != '\t') {
        fail(path_, ":", opened, ": the quote (\") that opens here closes in line ", lines_, " before \"", c,
             rest_.substr(0, rest_.find('\n')).substr(0, 20),
             "\"; rows may be lost between; a quote within quotes is written twice");
      } else {
        lines_ += c == '\n';
        cells.back() += c;
      }
    }
    if (quoted)
      fail(path_, ":", opened, ": the quote (\") that opens here is never closed; all after it would be one cell");
    for (std::string& cell : cells) {
      cell.erase(0, std::min(cell.find_first_not_of(" \t"), cell.size()));
      cell.erase(cell.find_last_not_of(" \t") + 1);
    }
  }

  std::string_view rest_;
  const std::string& path_;
  std::size_t line_ = 0, lines_ = 0;
  char separator_ = ',';
};

enum column { filename, label, xmin, ymin, xmax, ymax, width, height, columns };
inline constexpr std::array<std::string_view, columns> names = {"filename", "class", "xmin",  "ymin",
                                                                "xmax",     "ymax",  "width", "height"};
inline constexpr int needed = width;

/// The index of each column in the table; -1 where there is none.
ODT_INLINE std::array<int, columns> find_columns(const std::vector<std::string>& header, const std::string& place) {
  std::array<int, columns> found;
  std::vector<std::string> folded;
  for (const std::string& cell : header) folded.push_back(folded_text(cell));
  for (std::size_t c = 0; c < columns; ++c) {
    const auto at = std::ranges::find(folded, names[c]);
    found[c] = at == folded.end() ? -1 : static_cast<int>(at - folded.begin());
    if (at == folded.end() && c < needed)
      fail(place, ": no column \"", names[c], "\"; the header is \"", join(header, ","),
           "\" and should name filename,width,height,class,xmin,ymin,xmax,ymax (in any order)");
    if (std::ranges::count(folded, names[c]) > 1)
      fail(place, ": more than one column \"", names[c], "\"; which one counts cannot be told");
  }
  return found;
}

/// The columns that nobody asks for: "t.csv:1: the columns note, id"; empty when there are none.
ODT_INLINE std::string unread_columns(const std::vector<std::string>& header, const std::array<int, columns>& where,
                                      const std::string& place) {
  std::vector<std::string> others;
  for (std::size_t i = 0; i < header.size(); ++i)
    if (!header[i].empty() && std::ranges::find(where, static_cast<int>(i)) == where.end()) others.push_back(header[i]);
  return others.empty() ? std::string() : str(place, ": the columns ", join(others, ", "));
}

/// One row under its header.
struct row {
  const std::vector<std::string>& cells;
  const std::array<int, columns>& where;
  std::string place;

  bool has(column c) const { return where[c] >= 0; }
  const std::string& text(column c) const { return cells[static_cast<std::size_t>(where[c])]; }
  double value(column c) const {
    const auto result = number_in(text(c));
    if (!result)
      fail(place, ": ", names[c], " is \"", text(c), "\"", deception(text(c)), "; a number of pixels is needed");
    return *result;
  }
};

ODT_INLINE size2 size_of(const row& r) {
  if (!r.has(width) || !r.has(height) || (r.text(width).empty() && r.text(height).empty())) return {};
  const double w = r.value(width), h = r.value(height);
  if (w < 1 || h < 1 || w > 1e6 || h > 1e6)
    fail(r.place, ": the picture is said to be ", w, " x ", h, " pixels; both sides must be positive");
  return {static_cast<int>(h), static_cast<int>(w)};
}

/// The two ways in which people write that a picture has no objects.
ODT_INLINE bool says_without_objects(const row& r) {
  const auto all_are = [&](std::string_view value) {
    return std::ranges::all_of(std::array{xmin, ymin, xmax, ymax}, [&](column c) { return r.text(c) == value; });
  };
  return r.text(label).empty() ? all_are("") || all_are("-1") : r.text(label) == "-1" && all_are("-1");
}

ODT_INLINE void add_row(const row& r, annotation& picture) {
  const size2 size = size_of(r);
  if (picture.size == size2{}) picture.size = size;
  if (size != size2{} && size != picture.size)
    fail(r.place, ": ", picture.filename, " is said to be ", size.width, " x ", size.height, " pixels here and ",
         picture.size.width, " x ", picture.size.height, " before");
  if (says_without_objects(r)) return;
  annotated_object object;
  object.place = r.place;
  object.name = r.text(label);
  if (object.name.empty()) fail(r.place, ": the class is empty; each box needs the name of its class");
  object.bounds = {r.value(xmin), r.value(ymin), r.value(xmax), r.value(ymax)};
  picture.objects.push_back(std::move(object));
}

/// The annotation of the row's picture, perhaps a new one. Pictures of one name in different folders are two.
ODT_INLINE annotation& picture_of(const row& r, const std::string& path, annotated_table& table,
                                  std::unordered_map<std::string, std::size_t>& known) {
  std::string named = r.text(filename);
  std::ranges::replace(named, '\\', '/');
  const std::filesystem::path normal = std::filesystem::path(named).lexically_normal();
  const auto [at, fresh] = known.emplace(normal.string(), table.pictures.size());
  if (fresh) {
    table.pictures.push_back({path, normal.filename().string(), {}, {}, {}});
    table.pictures.back().folder = normal.parent_path().string();
    table.pictures.back().place = r.place;
  }
  return table.pictures[at->second];
}

/// Rows that say that a picture has no objects, while others have some.
ODT_INLINE void refuse_contradictions(const std::vector<std::pair<std::size_t, std::string>>& without,
                                      annotated_table& table) {
  for (const auto& [picture, place] : without)
    if (annotation& labels = table.pictures[picture]; !labels.objects.empty())
      labels.problems.push_back(str(place, ": says that ", labels.filename, " has no objects, but ",
                                    labels.objects.front().place, " has one"));
}

}  // namespace detail::csv

ODT_INLINE annotated_table read_csv_annotations(const std::string& path) {
  return parse_csv_annotations(read_file(path), path);
}

ODT_INLINE annotated_table parse_csv_annotations(std::string_view bytes, const std::string& path) {
  namespace d = detail::csv;
  const std::string text = plain_text(bytes, path, text_encoding::unicode);
  d::rows rows(text, path);
  std::vector<std::string> cells;
  if (!rows.next(cells)) fail(path, ": the file is empty; it should begin with a header of column names");
  const std::size_t width = cells.size();
  const auto where = d::find_columns(cells, rows.place());
  annotated_table table;
  table.unread = d::unread_columns(cells, where, rows.place());
  std::unordered_map<std::string, std::size_t> known;
  std::vector<std::pair<std::size_t, std::string>> without_objects;
  while (rows.next(cells)) {
    const d::row row{cells, where, rows.place()};
    if (cells.size() != width) {
      table.problems.push_back(str(row.place, ": ", cells.size(), " cells; the header has ", width));
      continue;
    }
    if (row.text(d::filename).empty()) {
      table.problems.push_back(str(row.place, ": the filename is empty; each row needs that of its picture"));
      continue;
    }
    annotation& picture = d::picture_of(row, path, table, known);
    if (d::says_without_objects(row))
      without_objects.emplace_back(static_cast<std::size_t>(&picture - table.pictures.data()), row.place);
    try {
      d::add_row(row, picture);
    } catch (const error& e) {
      picture.problems.emplace_back(e.what());
    }
  }
  d::refuse_contradictions(without_objects, table);
  if (table.pictures.empty())
    fail(path, ": no rows that can be read",
         table.problems.empty() ? "" : "; the first: ", table.problems.empty() ? "" : table.problems.front());
  return table;
}

}  // namespace odt
