// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/csv.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

namespace odt {

namespace detail::csv {

/// Takes rows apart (RFC 4180).
class rows {
 public:
  explicit rows(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    const std::string_view header = rest_.substr(0, rest_.find('\n'));
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

 private:
  void take(std::vector<std::string>& cells) {
    cells.assign(1, {});
    bool quoted = false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (quoted && c == '"' && rest_.starts_with('"')) {
        cells.back() += c;
        rest_.remove_prefix(1);
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && c == separator_) {
        cells.emplace_back();
      } else if (!quoted && c == '\n') {
        break;
      } else if (quoted || c != '\r') {
        lines_ += c == '\n';
        cells.back() += c;
      }
    }
    for (std::string& cell : cells) {
      cell.erase(0, std::min(cell.find_first_not_of(" \t"), cell.size()));
      cell.erase(cell.find_last_not_of(" \t") + 1);
    }
  }

  std::string_view rest_;
  std::size_t line_ = 0, lines_ = 0;
  char separator_ = ',';
};

ODT_INLINE std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

enum column { filename, label, xmin, ymin, xmax, ymax, width, height, columns };
inline constexpr std::array<std::string_view, columns> names = {"filename", "class", "xmin",  "ymin",
                                                                "xmax",     "ymax",  "width", "height"};
inline constexpr int needed = width;

/// The index of each column in the table; -1 where there is none.
ODT_INLINE std::array<int, columns> find_columns(const std::vector<std::string>& header, const std::string& place) {
  std::array<int, columns> found;
  for (int c = 0; c < columns; ++c) {
    const auto at = std::ranges::find(header, names[static_cast<std::size_t>(c)]);
    found[static_cast<std::size_t>(c)] = at == header.end() ? -1 : static_cast<int>(at - header.begin());
    if (at == header.end() && c < needed)
      fail(place, ": no column \"", names[static_cast<std::size_t>(c)], "\"; the header is \"", join(header, ","),
           "\" and should name filename,width,height,class,xmin,ymin,xmax,ymax (in any order)");
  }
  return found;
}

/// One row under its header.
struct row {
  const std::vector<std::string>& cells;
  const std::array<int, columns>& where;
  std::string place;

  bool has(column c) const { return where[c] >= 0; }
  const std::string& text(column c) const { return cells[static_cast<std::size_t>(where[c])]; }
  double value(column c) const {
    const auto result = number(text(c));
    if (!result) fail(place, ": ", names[c], " is \"", text(c), "\"; a number of pixels is needed");
    return *result;
  }
};

ODT_INLINE size2 size_of(const row& r) {
  if (!r.has(width) || !r.has(height)) return {};
  const double w = r.value(width), h = r.value(height);
  if (w < 1 || h < 1 || w > 1e6 || h > 1e6)
    fail(r.place, ": the picture is said to be ", w, " x ", h, " pixels; both sides must be positive");
  return {static_cast<int>(h), static_cast<int>(w)};
}

ODT_INLINE void add_row(const row& r, annotation& picture) {
  const size2 size = size_of(r);
  if (picture.size == size2{}) picture.size = size;
  if (!(size == picture.size))
    fail(r.place, ": ", picture.filename, " is said to be ", size.width, " x ", size.height, " pixels here and ",
         picture.size.width, " x ", picture.size.height, " before");
  annotated_object object;
  object.place = r.place;
  object.name = r.text(label);
  if (object.name.empty()) fail(r.place, ": the class is empty; each box needs the name of its class");
  object.bounds = {r.value(xmin), r.value(ymin), r.value(xmax), r.value(ymax)};
  picture.objects.push_back(std::move(object));
}

}  // namespace detail::csv

ODT_INLINE annotated_table read_csv_annotations(const std::string& path) {
  return parse_csv_annotations(read_file(path), path);
}

ODT_INLINE annotated_table parse_csv_annotations(std::string_view text, const std::string& path) {
  detail::csv::rows rows(text);
  std::vector<std::string> cells;
  if (!rows.next(cells)) fail(path, ": the file is empty; it should begin with a header of column names");
  const std::size_t width = cells.size();
  const auto where = detail::csv::find_columns(cells, str(path, ":", rows.line()));
  annotated_table table;
  auto& [pictures, nameless] = table;
  std::unordered_map<std::string, std::size_t> known;
  while (rows.next(cells)) {
    const std::string place = str(path, ":", rows.line());
    if (cells.size() != width) {
      nameless.push_back(str(place, ": ", cells.size(), " cells; the header has ", width));
      continue;
    }
    const detail::csv::row row{cells, where, place};
    const std::string filename = detail::last_part(row.text(detail::csv::filename));
    if (filename.empty()) {
      nameless.push_back(str(place, ": the filename is empty; each row needs that of its picture"));
      continue;
    }
    const auto [known_at, fresh] = known.emplace(filename, pictures.size());
    if (fresh) pictures.push_back({path, filename, {}, {}, {}});
    annotation& picture = pictures[known_at->second];
    try {
      detail::csv::add_row(row, picture);
    } catch (const error& e) {
      picture.problems.emplace_back(e.what());
    }
  }
  if (pictures.empty())
    fail(path, ": no rows that can be read",
         nameless.empty() ? "" : "; the first: ", nameless.empty() ? "" : nameless.front());
  return table;
}

}  // namespace odt
