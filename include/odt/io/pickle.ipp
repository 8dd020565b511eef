// SPDX-License-Identifier: MIT
// Python's pickles (protocol 2), as far as tensors in dictionaries need them. A pickle is a program that may call
// anything; here nothing is called: what it would call and with what becomes a part of a tree, and a name that is not
// among those expected is an error.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/little_endian.ipp>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace odt::detail {

/// One value of a pickle.
struct pickled {
  enum class kind { none, boolean, integer, real, text, tuple, list, dictionary, global, call, persistent };

  kind what = kind::none;
  std::int64_t integer = 0;             ///< also a boolean
  std::string text{};                   ///< of a global: "torch._utils _rebuild_tensor_v2", as "module name"
  std::vector<const pickled*> parts{};  ///< elements; of a call: the global and its arguments, of a persistent: its id
  std::vector<const pickled*> pairs{};  ///< key, value, key, ... of a dictionary, or set on what a call gives

  bool is(kind k) const { return what == k; }
  /// Whether it is a call of that global.
  bool calls(std::string_view global) const { return is(kind::call) && parts[0]->text == global; }
};

inline constexpr std::string_view ordered_dictionary = "collections OrderedDict";

class pickle {
 public:
  /// Says of "module name" whether it may occur.
  using filter = bool (*)(std::string_view global);

  /// Reads the pickle that begins at byte `at`; `path` is for messages.
  pickle(std::string path, std::string_view bytes, std::size_t at, filter expected)
      : path_(std::move(path)), bytes_(bytes), at_(at), expected_(expected) {
    while (!top_) step();
    memo_.clear();
    stack_.clear();
  }

  const pickled& top() const { return *top_; }
  const std::deque<pickled>& all() const { return values_; }
  /// Where the bytes behind it begin.
  std::size_t end() const { return at_; }

 private:
  using kind = pickled::kind;

  template <class... Why>
  [[noreturn]] void fail_here(const Why&... why) const {
    fail(path_, ": pickle, byte ", begin_, ": ", why...);
  }

  std::string_view take(std::uint64_t count) {
    if (bytes_.size() - at_ < count)
      fail_here("cut short: ", count, " bytes should follow, ", bytes_.size() - at_, " do");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }

  template <class Number>
  Number number() {
    return number_at<Number>(take(sizeof(Number)), 0);
  }

  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) fail_here("cut short: a name has no end");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  void push(pickled value) { stack_.push_back(&values_.emplace_back(std::move(value))); }
  void push_integer(std::int64_t value) { push({.what = kind::integer, .integer = value}); }
  void push_text(std::string_view text) { push({.what = kind::text, .text = std::string(text)}); }

  pickled* pop() {
    if (stack_.size() <= bottom()) fail_here("takes a value where there is none");
    pickled* const value = stack_.back();
    stack_.pop_back();
    return value;
  }
  pickled& peek() {
    pickled* const value = pop();
    stack_.push_back(value);
    return *value;
  }
  std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }

  /// The values above the latest mark.
  std::vector<const pickled*> above_mark() {
    if (marks_.empty()) fail_here("there is no mark");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const pickled*> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return values;
  }

  std::vector<const pickled*> popped(std::size_t count) {
    std::vector<const pickled*> values(count);
    for (; count > 0; --count) values[count - 1] = pop();
    return values;
  }

  void append(const std::vector<const pickled*>& values) {
    pickled& list = peek();
    if (!list.is(kind::list)) fail_here("appends to what is no list");
    list.parts.insert(list.parts.end(), values.begin(), values.end());
  }

  void set(const std::vector<const pickled*>& pairs) {
    pickled& dictionary = peek();
    if (!dictionary.is(kind::dictionary) && !dictionary.calls(ordered_dictionary))
      fail_here("sets items of what is no dictionary");
    if (pairs.size() % 2 != 0) fail_here("a key has no value");
    dictionary.pairs.insert(dictionary.pairs.end(), pairs.begin(), pairs.end());
  }

  void push_global() {
    const std::string_view module = line(), name = line();
    std::string global = str(module, " ", name);
    if (!expected_(global))
      fail_here("asks for ", module, ".", name, ", which no dictionary of tensors needs; nothing of it was run. ",
                "Save the tensors alone: torch.save(model.state_dict(), ...)");
    push({.what = kind::global, .text = std::move(global)});
  }

  void push_call() {
    const pickled* const arguments = pop();
    const pickled* const function = pop();
    if (!function->is(kind::global) || !arguments->is(kind::tuple)) fail_here("calls what is no function");
    push({.what = kind::call, .parts = {function, arguments}});
  }

  /// What is set on an object: a module's versions, on its dictionary.
  void drop_state() {
    pop();
    if (!peek().calls(ordered_dictionary)) fail_here("sets the state of what is no dictionary of tensors");
  }

  void push_long(std::size_t bytes) {
    if (bytes > 8) fail_here("an integer of ", bytes, " bytes; at most 8 are read");
    std::uint64_t value = 0;
    const std::string_view digits = take(bytes);
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{static_cast<unsigned char>(digits[i])} << (8 * i);
    if (bytes > 0 && bytes < 8 && (value >> (8 * bytes - 1)) & 1) value |= ~std::uint64_t{0} << (8 * bytes);
    push_integer(static_cast<std::int64_t>(value));
  }

  void remember(std::uint32_t place) { memo_[place] = &peek(); }
  void recall(std::uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) fail_here("recalls value ", place, ", which was not kept");
    stack_.push_back(found->second);
  }

  void check_protocol(int protocol) const {
    if (protocol != 2)
      fail_here("protocol ", protocol, "; PyTorch's own, 2, is read (torch.save without pickle_protocol)");
  }

  /// One instruction; they are called as Python's pickletools does.
  void step() {
    begin_ = at_;
    switch (const auto code = number<std::uint8_t>()) {
      case 0x80:  // PROTO
        return check_protocol(number<std::uint8_t>());
      case '.':  // STOP
        top_ = pop();
        return;
      case '(':  // MARK
        return marks_.push_back(stack_.size());
      case 'N':  // NONE
        push({});
        return;
      case 0x88:  // NEWTRUE
        push({.what = kind::boolean, .integer = 1});
        return;
      case 0x89:  // NEWFALSE
        push({.what = kind::boolean});
        return;
      case 'J':  // BININT
        return push_integer(static_cast<std::int32_t>(number<std::uint32_t>()));
      case 'K':  // BININT1
        return push_integer(number<std::uint8_t>());
      case 'M':  // BININT2
        return push_integer(number<std::uint16_t>());
      case 0x8a:  // LONG1
        return push_long(number<std::uint8_t>());
      case 'G':  // BINFLOAT
        take(8);
        push({.what = kind::real});
        return;
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        return push_text(take(number<std::uint32_t>()));
      case 'U':  // SHORT_BINSTRING
        return push_text(take(number<std::uint8_t>()));
      case ')':  // EMPTY_TUPLE
        push({.what = kind::tuple});
        return;
      case 't':  // TUPLE
        push({.what = kind::tuple, .parts = above_mark()});
        return;
      case 0x85:  // TUPLE1
        push({.what = kind::tuple, .parts = popped(1)});
        return;
      case 0x86:  // TUPLE2
        push({.what = kind::tuple, .parts = popped(2)});
        return;
      case 0x87:  // TUPLE3
        push({.what = kind::tuple, .parts = popped(3)});
        return;
      case ']':  // EMPTY_LIST
        push({.what = kind::list});
        return;
      case 'a':  // APPEND
        return append(popped(1));
      case 'e':  // APPENDS
        return append(above_mark());
      case '}':  // EMPTY_DICT
        push({.what = kind::dictionary});
        return;
      case 's':  // SETITEM
        return set(popped(2));
      case 'u':  // SETITEMS
        return set(above_mark());
      case 'c':  // GLOBAL
        return push_global();
      case 'R':  // REDUCE
        return push_call();
      case 'b':  // BUILD
        return drop_state();
      case 'Q':  // BINPERSID
        push({.what = kind::persistent, .parts = popped(1)});
        return;
      case 'q':  // BINPUT
        return remember(number<std::uint8_t>());
      case 'r':  // LONG_BINPUT
        return remember(number<std::uint32_t>());
      case 'h':  // BINGET
        return recall(number<std::uint8_t>());
      case 'j':  // LONG_BINGET
        return recall(number<std::uint32_t>());
      default:
        fail_here("opcode ", int{code}, ", which no dictionary of tensors needs");
    }
  }

  std::string path_;
  std::string_view bytes_;
  std::size_t at_, begin_ = 0;
  filter expected_;
  std::deque<pickled> values_;
  std::vector<pickled*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, pickled*> memo_;
  const pickled* top_ = nullptr;
};

}  // namespace odt::detail
