// SPDX-License-Identifier: MIT
// PyTorch's files: two that it wrote itself, and others made by hand.
#pragma once

#include <odt/core/error.hpp>
#include <odt/io/checkpoint.hpp>

#include <boost/test/unit_test.hpp>
#include <io/archive_samples.hpp>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::test {

/// torch.save of {"state_dict": s, "epoch": 3, "lr": 0.1, "args": None} by PyTorch 2.15, in hexadecimal digits. With
/// base = arange(6).reshape(2, 3), s is an OrderedDict (with _metadata) of
///   "a.weight": Parameter(base.t()), "a.bias": base[1, 1:], "n": tensor(7), "half": bfloat16 [1.5, -2]
inline constexpr std::string_view torch_zip_digits =
    "504b0304000008080000000000000000000000000000000000000c0016007a69702f646174612e706b6c464212005a5a5a5a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a80027d710028580a00000073746174655f64696374710163636f6c6c656374696f6e730a4f726465726564446963740a"
    "710229527103285808000000612e776569676874710463746f7263682e5f7574696c730a5f72656275696c645f706172616d657465720a71"
    "0563746f7263682e5f7574696c730a5f72656275696c645f74656e736f725f76320a71062828580700000073746f72616765710763746f72"
    "63680a466c6f617453746f726167650a710858010000003071095803000000637075710a4b0674710b514b004b034b0286710c4b014b0386"
    "710d8968022952710e74710f527110886802295271118771125271135806000000612e62696173711468062828680768086809680a4b0674"
    "7115514b044b028571164b018571178968022952711874711952711a58010000006e711b68062828680763746f7263680a4c6f6e6753746f"
    "726167650a711c580100000031711d680a4b0174711e514b0029298968022952711f747120527121580400000068616c6671226806282868"
    "0763746f7263680a42466c6f6174313653746f726167650a71235801000000327124680a4b02747125514b004b028571264b018571278968"
    "022952712874712952712a757d712b58090000005f6d65746164617461712c68022952712d5800000000712e7d712f580700000076657273"
    "696f6e71304b0173737362580500000065706f636871314b0358020000006c727132473fb999999999999a58040000006172677371334e75"
    "2e504b0708cfa76c6b2902000029020000504b030400000808000000000000000000000000000000000000130016007a69702f2e666f726d"
    "61745f76657273696f6e464212005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a31504b0708b7efdc830100000001000000504b0304000008"
    "0800000000000000000000000000000000000016003b007a69702f2e73746f726167655f616c69676e6d656e74464237005a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a3634504b07083f77"
    "71e90200000002000000504b0304000008080000000000000000000000000000000000000d0043007a69702f627974656f7264657246423f"
    "005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a6c6974746c65504b0708853de3190600000006000000504b030400000808000000000000000000000000000000000000"
    "0a0042007a69702f646174612f3046423e005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a000000000000803f0000004000004040000080400000a040504b07081790e791"
    "1800000018000000504b0304000008080000000000000000000000000000000000000a0030007a69702f646174612f3146422c005a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a0700000000000000504b070870d6e76f"
    "0800000008000000504b0304000008080000000000000000000000000000000000000a0040007a69702f646174612f3246423c005a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "c03f00c0504b070807515ae30400000004000000504b0304000008080000000000000000000000000000000000000b0043007a69702f7665"
    "7273696f6e46423f005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a330a504b0708d19e67550200000002000000504b0304000008080000000000000000000000000000"
    "000000001a0036007a69702f2e646174612f73657269616c697a6174696f6e5f6964464232005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a303834393438383834373936353034383733353030353939"
    "31303039393439323737333438323335504b07080a7c02782800000028000000504b0102000000000808000000000000cfa76c6b29020000"
    "290200000c00000000000000000000000000000000007a69702f646174612e706b6c504b0102000000000808000000000000b7efdc830100"
    "0000010000001300000000000000000000000000790200007a69702f2e666f726d61745f76657273696f6e504b0102000000000808000000"
    "0000003f7771e902000000020000001600000000000000000000000000d10200007a69702f2e73746f726167655f616c69676e6d656e7450"
    "4b0102000000000808000000000000853de31906000000060000000d00000000000000000000000000520300007a69702f627974656f7264"
    "6572504b01020000000008080000000000001790e79118000000180000000a00000000000000000000000000d60300007a69702f64617461"
    "2f30504b010200000000080800000000000070d6e76f08000000080000000a00000000000000000000000000680400007a69702f64617461"
    "2f31504b010200000000080800000000000007515ae304000000040000000a00000000000000000000000000d80400007a69702f64617461"
    "2f32504b0102000000000808000000000000d19e675502000000020000000b00000000000000000000000000540500007a69702f76657273"
    "696f6e504b01020000000008080000000000000a7c027828000000280000001a00000000000000000000000000d20500007a69702f2e6461"
    "74612f73657269616c697a6174696f6e5f6964504b06062c000000000000001e032d00000000000000000009000000000000000900000000"
    "00000023020000000000007806000000000000504b0607000000009b0800000000000001000000504b050600000000090009002302000078"
    "0600000000";

/// The same with _use_new_zipfile_serialization=False.
inline constexpr std::string_view torch_pickles_digits =
    "80028a0a6cfc9c46f9206aa850192e80024de9032e80027d710028581000000070726f746f636f6c5f76657273696f6e71014de903580d00"
    "00006c6974746c655f656e6469616e710288580a000000747970655f73697a657371037d710428580500000073686f727471054b02580300"
    "0000696e7471064b0458040000006c6f6e6771074b0475752e80027d710028580a00000073746174655f64696374710163636f6c6c656374"
    "696f6e730a4f726465726564446963740a710229527103285808000000612e776569676874710463746f7263682e5f7574696c730a5f7265"
    "6275696c645f706172616d657465720a710563746f7263682e5f7574696c730a5f72656275696c645f74656e736f725f76320a7106282858"
    "0700000073746f72616765710763746f7263680a466c6f617453746f726167650a7108580e00000039343331353236353631363531327109"
    "5803000000637075710a4b064e74710b514b004b034b0286710c4b014b0386710d8968022952710e74710f52711088680229527111877112"
    "5271135806000000612e6269617371146806282868076808580e00000039343331353236353631363531327115680a4b064e747116514b04"
    "4b028571174b018571188968022952711974711a52711b58010000006e711c68062828680763746f7263680a4c6f6e6753746f726167650a"
    "711d580e0000003934333135323635363135303536711e680a4b014e74711f514b0029298968022952712074712152712258040000006861"
    "6c66712368062828680763746f7263680a42466c6f6174313653746f726167650a7124580e00000039343331353236353631353230307125"
    "680a4b024e747126514b004b028571274b018571288968022952712974712a52712b757d712c58090000005f6d65746164617461712d6802"
    "2952712e5800000000712f7d7130580700000076657273696f6e71314b0173737362580500000065706f636871324b0358020000006c7271"
    "33473fb999999999999a58040000006172677371344e752e80025d710028580e00000039343331353236353631353035367101580e000000"
    "39343331353236353631353230307102580e00000039343331353236353631363531327103652e0100000000000000070000000000000002"
    "00000000000000c03f00c00600000000000000000000000000803f0000004000004040000080400000a040";

/// A file of a zip archive, and what its list says of it.
struct zip_member {
  std::string name, content;
  bool deflate = false;
  int method = -1, flags = 0;  ///< other than they should be
  std::uint64_t size = 0;      ///< other than the content's
};

/// A zip archive; `long_form` with 64-bit sizes and places.
inline std::string zip(const std::vector<zip_member>& members, bool long_form = false) {
  std::string all, list;
  for (const zip_member& m : members) {
    const std::string stored = m.deflate ? deflated(m.content) : m.content;
    const int method = m.method >= 0 ? m.method : m.deflate ? 8 : 0;
    const std::uint64_t size = m.size > 0 ? m.size : m.content.size(), header = all.size(), ones = 0xffffffff;
    const std::string numbers = little_endian(std::uint64_t(m.flags), 2) + little_endian(std::uint64_t(method), 2) +
                                std::string(4, '\0') + little_endian(crc32(m.content), 4) +
                                little_endian(long_form ? ones : stored.size(), 4) +
                                little_endian(long_form ? ones : size, 4) + little_endian(m.name.size(), 2);
    const std::string extra = long_form ? little_endian(1, 2) + little_endian(24, 2) + little_endian(size, 8) +
                                              little_endian(stored.size(), 8) + little_endian(header, 8)
                                        : "";
    all += std::string("PK\3\4\0\0", 6) + numbers + little_endian(3, 2) + m.name + "pad" + stored;
    list += std::string("PK\1\2\0\0\0\0", 8) + numbers + little_endian(extra.size(), 2) + std::string(10, '\0') +
            little_endian(long_form ? ones : header, 4) + m.name + extra;
  }
  const std::uint64_t at = all.size(), count = members.size();
  std::string end = list;
  if (long_form)
    end += std::string("PK\6\6", 4) + little_endian(44, 8) + std::string(12, '\0') + little_endian(count, 8) +
           little_endian(count, 8) + little_endian(list.size(), 8) + little_endian(at, 8) +
           std::string("PK\6\7\0\0\0\0", 8) + little_endian(at + list.size(), 8) + little_endian(1, 4);
  const std::uint64_t said = long_form ? 0xffff : count;
  return all + end + std::string("PK\5\6\0\0\0\0", 8) + little_endian(said, 2) + little_endian(said, 2) +
         little_endian(long_form ? 0xffffffff : list.size(), 4) + little_endian(long_form ? 0xffffffff : at, 4) +
         std::string(2, '\0');
}

// Pieces of pickles.

inline std::string pickled_text(std::string_view text) {
  return "X" + little_endian(text.size(), 4) + std::string(text);
}
inline std::string pickled_integer(std::int64_t value) { return "J" + little_endian(std::uint64_t(value), 4); }
inline std::string pickled_global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string pickled_tuple(const std::vector<std::int64_t>& values) {
  std::string all = "(";
  for (const std::int64_t value : values) all += pickled_integer(value);
  return all + "t";
}

inline std::string pickled_storage(std::string_view type, std::string_view key, std::int64_t elements) {
  return "(" + pickled_text("storage") + pickled_global("torch", type) + pickled_text(key) + pickled_text("cpu") +
         pickled_integer(elements) + "tQ";
}

inline std::string pickled_tensor(std::string_view storage, std::int64_t first, const std::vector<std::int64_t>& shape,
                                  const std::vector<std::int64_t>& strides) {
  return pickled_global("torch._utils", "_rebuild_tensor_v2") + "(" + std::string(storage) + pickled_integer(first) +
         pickled_tuple(shape) + pickled_tuple(strides) + "\x89" + pickled_global("collections", "OrderedDict") + ")RtR";
}

inline std::string pickled_dictionary(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all = "}(";
  for (const auto& [name, value] : items) all += pickled_text(name) + value;
  return all + "u";
}

inline std::string pickle_of(std::string_view value) { return "\x80\2" + std::string(value) + "."; }

inline std::string floats(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) bytes += little_endian(std::bit_cast<std::uint32_t>(value), 4);
  return bytes;
}

/// The archive of a dictionary and the bytes of its storages "0", "1", ...
inline std::string torch_file(std::string_view dictionary, const std::vector<std::string>& storages,
                              bool deflate = false, bool long_form = false) {
  std::vector<zip_member> members{{"model/data.pkl", pickle_of(dictionary), deflate}, {"model/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    members.push_back({"model/data/" + std::to_string(i), storages[i], deflate});
  return zip(members, long_form);
}

/// One float32 vector "x".
inline std::string torch_vector(const std::vector<float>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return torch_file(
      pickled_dictionary({{"x", pickled_tensor(pickled_storage("FloatStorage", "0", size), 0, {size}, {1})}}),
      {floats(values)});
}

/// Reads all of a file of each cut of `bytes`, which has to be refused, and of each with one byte changed, which may be
/// read or refused. What is refused is an odt::error.
inline void cut_and_change(const std::string& bytes, const std::string& path) {
  const auto is_read = [&path](const std::string& changed) {
    std::filesystem::remove(path);  // what is written over waits for the disk
    std::ofstream(path, std::ios::binary) << changed;
    try {
      const checkpoint_reader reader(path);
      for (const tensor_info& tensor : reader.tensors()) reader.read_raw(tensor);
      return true;
    } catch (const error&) {
      return false;
    }
  };
  BOOST_TEST(is_read(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    if (is_read(bytes.substr(0, size))) BOOST_ERROR("read when cut to " << size << " bytes");
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const char flipped : {'\x01', '\x80', '\xff'}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ flipped);
      is_read(changed);
    }
}

}  // namespace odt::test
