// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/tfrecord.hpp>
#include <odt/serve/warm_up.hpp>
#include <odt/serve/wire.hpp>

namespace odt::serve {

ODT_INLINE int replay_requests(servable& of, const std::string& export_directory) {
  constexpr int most = 1000;  // as TensorFlow Serving
  int count = 0;
  for (const char* below : {"assets.extra", "saved_model/assets.extra"}) {
    const std::string path = join_path(join_path(export_directory, below), "tf_serving_warmup_requests");
    if (!file_exists(path)) continue;
    record_reader records(path);
    for (std::string record; count < most && records.next(record); ++count) try {
        if (const auto request = logged_request(record)) of.predict(*request);
      } catch (const failure& wrong) {
        refuse(wrong.as_status().what, records.place(), ": ", wrong.what());
      }
  }
  return count;
}

}  // namespace odt::serve
