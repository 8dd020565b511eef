// SPDX-License-Identifier: MIT
#include <odt/io/file.hpp>
#include <odt/io/tfrecord.hpp>

#include <golden.hpp>
#include <scratch.hpp>

#include <thread>

namespace {

using odt::record_compression;
using odt::test::check_error;
using odt::test::scratch_directory;

const std::vector<std::string> three = {"first", "", std::string(100000, 'x')};
constexpr std::size_t frame = 16;  // bytes around the data of a record

void write_records(const std::string& path, const std::vector<std::string>& records,
                   record_compression compression = record_compression::none) {
  odt::record_writer writer(path, compression);
  for (const std::string& record : records) writer.write(record);
  BOOST_CHECK_EQUAL(writer.count(), records.size());
  writer.commit();
}

std::vector<std::string> read_records(const std::string& path,
                                      record_compression compression = record_compression::detect) {
  odt::record_reader reader(path, compression);
  std::vector<std::string> records;
  for (std::string record; reader.next(record);) records.push_back(record);
  return records;
}

void change_byte(const std::string& path, std::size_t at) {
  std::string bytes = odt::read_file(path);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
  odt::write_file(path, bytes);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tfrecord_tests)

BOOST_AUTO_TEST_CASE(a_record_has_the_documented_bytes) {
  const std::string framed = odt::frame_record("123456789");
  const std::string expected("\x09\0\0\0\0\0\0\0", 8);
  BOOST_REQUIRE_EQUAL(framed.size(), 9 + frame);
  BOOST_CHECK(framed.starts_with(expected));
  BOOST_CHECK_EQUAL(framed.substr(12, 9), "123456789");
  // crc32c("123456789") = e3069283; rotated right by 15, plus a282ead8: c78ab0e5.
  BOOST_CHECK(framed.ends_with("\xe5\xb0\x8a\xc7"));
}

BOOST_AUTO_TEST_CASE(records_come_back_in_order_however_compressed) {
  const scratch_directory scratch;
  for (const auto compression : {record_compression::none, record_compression::gzip, record_compression::zlib}) {
    write_records(scratch / "r", three, compression);
    BOOST_CHECK(odt::detect_compression(scratch / "r") == compression);
    BOOST_CHECK(read_records(scratch / "r") == three);
    BOOST_CHECK(read_records(scratch / "r", compression) == three);
  }
}

BOOST_AUTO_TEST_CASE(records_are_read_in_any_order_by_index) {
  const scratch_directory scratch;
  for (const auto compression : {record_compression::none, record_compression::gzip, record_compression::zlib}) {
    write_records(scratch / "r", three, compression);
    const odt::record_file file(scratch / "r");
    BOOST_REQUIRE_EQUAL(file.size(), 3u);
    for (const std::size_t i : {2u, 0u, 1u}) BOOST_CHECK(file.read(i) == three[i]);
    BOOST_CHECK(file.positions() == odt::index_records(scratch / "r"));
    BOOST_CHECK(file.positions()[1] == (odt::record_position{5 + frame + 12, 0}));
    BOOST_CHECK_EQUAL(file.place(1), (scratch / "r") + ", record 1 (byte 21)");
  }
}

BOOST_AUTO_TEST_CASE(a_part_of_a_record_is_read_by_its_place) {
  const scratch_directory scratch;
  odt::record_writer writer(scratch / "a.record");
  writer.write("first");
  writer.write("the second one");
  writer.commit();
  const odt::record_file file(scratch / "a.record");
  std::string part(6, '\0');
  file.read_part(1, 4, part);
  BOOST_CHECK_EQUAL(part, "second");
  check_error([&] { file.read_part(0, 3, part); }, {"a.record, record 0 (byte 0)", "has 5 bytes; 6 from 3 on"});
}

BOOST_AUTO_TEST_CASE(the_contents_follow_every_byte_and_the_order_of_records) {
  const scratch_directory scratch;
  const auto contents = [&](const std::vector<std::string>& records, odt::record_compression how) {
    odt::record_writer writer(scratch / "a.record", how);
    for (const auto& one : records) writer.write(one);
    writer.commit();
    return odt::record_file(scratch / "a.record").contents();
  };
  using enum odt::record_compression;
  const auto before = contents({"abc", "de", ""}, none);
  BOOST_CHECK_EQUAL(contents({"abc", "de", ""}, gzip), before);
  for (const std::vector<std::string>& other : {std::vector<std::string>{"abd", "de", ""},
                                                {"abc", "dE", ""},
                                                {"de", "abc", ""},
                                                {"abc", "de"},
                                                {"abc", "de", "x"}})
    BOOST_CHECK(contents(other, none) != before);
}

BOOST_AUTO_TEST_CASE(many_threads_read_one_file) {
  const scratch_directory scratch;
  std::vector<std::string> records;
  for (int i = 0; i < 200; ++i) records.push_back(std::string(static_cast<std::size_t>(i) * 7, static_cast<char>(i)));
  write_records(scratch / "r", records, record_compression::gzip);
  const odt::record_file file(scratch / "r");
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < records.size(); ++i)
        wrong[t] += file.read((i * 37 + t) % 200) != records[(i * 37 + t) % 200];
    });
  for (std::thread& thread : threads) thread.join();
  BOOST_CHECK(wrong == std::vector<int>(4, 0));
}

BOOST_AUTO_TEST_CASE(every_flipped_byte_is_found) {
  const scratch_directory scratch;
  write_records(scratch / "r", {"first", "second"});
  const std::size_t size = odt::file_size(scratch / "r");
  for (std::size_t at = 0; at < size; ++at) {
    change_byte(scratch / "r", at);
    BOOST_CHECK_THROW(read_records(scratch / "r", record_compression::none), odt::error);
    change_byte(scratch / "r", at);
  }
  BOOST_CHECK_EQUAL(read_records(scratch / "r").size(), 2u);
}

BOOST_AUTO_TEST_CASE(a_wrong_checksum_is_reported_with_file_record_and_byte) {
  const scratch_directory scratch;
  write_records(scratch / "r", {"first", "second", "third"});
  change_byte(scratch / "r", 5 + frame + 14);  // in the data of the second
  check_error([&] { read_records(scratch / "r"); },
              {scratch / "r", "record 1 (byte 21)", "wrong checksum of the data"});
  const odt::record_file file(scratch / "r");
  BOOST_CHECK_EQUAL(file.read(2), "third");
  check_error([&] { file.read(1); }, {scratch / "r", "record 1 (byte 21)", "wrong checksum of the data"});
  change_byte(scratch / "r", 5 + frame);  // its length
  for (const auto& act : std::initializer_list<std::function<void()>>{[&] { read_records(scratch / "r"); },
                                                                      [&] { odt::index_records(scratch / "r"); }})
    check_error(act, {scratch / "r", "record 1 (byte 21)", "wrong checksum of the length"});
}

BOOST_AUTO_TEST_CASE(every_cut_within_a_record_is_found) {
  const scratch_directory scratch;
  write_records(scratch / "r", {"first", "second"});
  const std::string bytes = odt::read_file(scratch / "r");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    odt::write_file(scratch / "cut", bytes.substr(0, size));
    if (size == 0 || size == 5 + frame) {
      BOOST_CHECK_EQUAL(read_records(scratch / "cut").size(), size ? 1u : 0u);
      continue;
    }
    const char* const place = size < 5 + frame ? "record 0 (byte 0)" : "record 1 (byte 21)";
    check_error([&] { read_records(scratch / "cut", record_compression::none); },
                {scratch / "cut", place, "cut short"});
    check_error([&] { odt::index_records(scratch / "cut", record_compression::none); },
                {scratch / "cut", place, "cut short"});
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_still_written_ends_at_its_last_whole_record) {
  const scratch_directory scratch;
  odt::write_file(scratch / "r", odt::frame_record("first") + odt::frame_record("second").substr(0, 14));
  odt::record_reader reader(scratch / "r");
  std::string record;
  bool cut = false;
  BOOST_CHECK(reader.next(record, &cut) && record == "first" && !cut);
  BOOST_CHECK(!reader.next(record, &cut) && cut);
}

BOOST_AUTO_TEST_CASE(damaged_or_cut_compressed_files_are_found) {
  const scratch_directory scratch;
  for (const auto compression : {record_compression::gzip, record_compression::zlib}) {
    std::vector<std::string> records;
    for (int i = 0; i < 100; ++i) records.push_back(std::to_string(i * 7919));
    write_records(scratch / "r", records, compression);
    const std::string bytes = odt::read_file(scratch / "r");
    odt::write_file(scratch / "cut", bytes.substr(0, bytes.size() / 2));
    check_error([&] { read_records(scratch / "cut"); }, {scratch / "cut", "cut short"});
    check_error([&] { odt::record_file(scratch / "cut"); }, {scratch / "cut", "cut short"});
    change_byte(scratch / "r", bytes.size() / 2);
    check_error([&] { read_records(scratch / "r"); }, {scratch / "r"});
    check_error([&] { odt::record_file(scratch / "r"); }, {scratch / "r"});
  }
}

BOOST_AUTO_TEST_CASE(gzip_members_in_a_row_are_one_stream) {
  const scratch_directory scratch;
  write_records(scratch / "a", {"first"}, record_compression::gzip);
  write_records(scratch / "b", {"second", "third"}, record_compression::gzip);
  odt::write_file(scratch / "both", odt::read_file(scratch / "a") + odt::read_file(scratch / "b"));
  BOOST_CHECK(read_records(scratch / "both") == (std::vector<std::string>{"first", "second", "third"}));
}

BOOST_AUTO_TEST_CASE(files_that_are_no_records_are_refused) {
  const scratch_directory scratch;
  odt::write_file(scratch / "text", "this is a text, and no record file");
  check_error([&] { read_records(scratch / "text"); }, {scratch / "text", "byte 0", "no (plain) TFRecord"});
  check_error([&] { odt::record_file(scratch / "none"); }, {scratch / "none", "No such file"});
  odt::write_file(scratch / "empty", "");
  BOOST_CHECK_EQUAL(odt::record_file(scratch / "empty").size(), 0u);
}

BOOST_AUTO_TEST_CASE(a_length_beyond_all_memory_is_refused) {
  const scratch_directory scratch;
  std::string header("\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
  const std::string framed = odt::frame_record(header);  // its own checksum of these 8 bytes closes the frame
  odt::write_file(scratch / "r", header + framed.substr(20, 4) + "some bytes that follow");
  check_error([&] { read_records(scratch / "r"); }, {scratch / "r", "cut short"});
  check_error([&] { odt::record_file(scratch / "r"); }, {scratch / "r", "cut short"});
}

BOOST_AUTO_TEST_CASE(shards_share_the_records_in_turn) {
  const scratch_directory scratch;
  odt::sharded_record_writer writer(scratch / "train.record", 3);
  for (const char* record : {"0", "1", "2", "3", "4"}) writer.write(record);
  BOOST_CHECK(!odt::file_exists(writer.paths()[0]));
  writer.commit();
  BOOST_CHECK_EQUAL(writer.paths()[2], scratch / "train.record-00002-of-00003");
  BOOST_CHECK(read_records(writer.paths()[0]) == (std::vector<std::string>{"0", "3"}));
  BOOST_CHECK(read_records(writer.paths()[1]) == (std::vector<std::string>{"1", "4"}));
  BOOST_CHECK(read_records(writer.paths()[2]) == (std::vector<std::string>{"2"}));
  check_error([&] { odt::sharded_record_writer(scratch / "x", 0); }, {"0 shards"});
}

BOOST_AUTO_TEST_CASE(without_commit_nothing_is_left) {
  const scratch_directory scratch;
  {
    odt::sharded_record_writer writer(scratch / "train.record", 3, record_compression::gzip);
    writer.write("lost");
  }
  BOOST_CHECK_EQUAL(scratch.entries(), 0u);
  check_error([&] { odt::record_writer(scratch / "no/such"); }, {scratch / "no/such", "cannot write"});
}

BOOST_AUTO_TEST_CASE(tensorflows_records_are_read, *odt::test::needs(odt::test::golden() / "units/tf_example")) {
  const std::string folder = (odt::test::golden() / "units/tf_example").string();
  const auto plain = read_records(folder + "/examples.tfrecord");
  BOOST_CHECK_EQUAL(plain.size(), 7u);
  BOOST_CHECK(read_records(folder + "/examples_gzip.tfrecord") == plain);
  BOOST_CHECK(read_records(folder + "/examples_zlib.tfrecord") == plain);
  const odt::record_file file(folder + "/examples_zlib.tfrecord");
  for (std::size_t i = 0; i < plain.size(); ++i) BOOST_CHECK(file.read(i) == plain[i]);
  const scratch_directory scratch;
  write_records(scratch / "copy", plain);
  BOOST_CHECK(odt::read_file(scratch / "copy") == odt::read_file(folder + "/examples.tfrecord"));
}

BOOST_AUTO_TEST_SUITE_END()
