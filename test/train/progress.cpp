// SPDX-License-Identifier: MIT
#include <odt/train/describe.hpp>
#include <odt/train/progress.hpp>

#include "train/toy_detector.hpp"

#include <boost/test/unit_test.hpp>

#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace {

odt::step_meter meter_after_a_step() {
  odt::step_meter meter;
  odt::step_report report;
  report.total_loss = 7.25f;
  report.learning_rate = 0.002f;
  report.losses = {{"Loss/classification_loss", 3.5f}, {"Loss/localization_loss", 3.75f}};
  meter.add(report, 8, 0.1, 0.5);
  return meter;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(progress_tests)

BOOST_AUTO_TEST_CASE(what_matters_most_comes_first) {
  BOOST_TEST(meter_after_a_step().line(100, 1500) ==
             "step 100/1500  loss 7.25  16 img/s  11 min 40 s left  waits for data 20 % of the time  lr 0.002"
             "  classification 3.5, localization 3.75");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_left_out_from_the_end) {
  const auto meter = meter_after_a_step();
  BOOST_TEST(meter.line(100, 1500, 120) ==
             "step 100/1500  loss 7.25  16 img/s  11 min 40 s left  waits for data 20 % of the time  lr 0.002"
             "  classification 3.5");
  BOOST_TEST(meter.line(100, 1500, 52) == "step 100/1500  loss 7.25  16 img/s  11 min 40 s left");
  for (std::size_t columns = 30; columns < 140; ++columns) BOOST_TEST(meter.line(100, 1500, columns).size() <= columns);
}

BOOST_AUTO_TEST_CASE(losses_of_two_stages_are_told_apart) {
  BOOST_TEST(odt::short_loss_name("Loss/localization_loss") == "localization");
  BOOST_TEST(odt::short_loss_name("Loss/RPNLoss/localization_loss") == "RPN localization");
  BOOST_TEST(odt::short_loss_name("Loss/BoxClassifierLoss/localization_loss") == "BoxClassifier localization");
}

BOOST_AUTO_TEST_CASE(a_description_fits_the_terminal) {
  const odt::test::toy_detector model;
  const std::string whole = odt::describe_detector(model, 3);
  BOOST_TEST(whole.find("parameters         4\n") != std::string::npos);
  BOOST_TEST(odt::describe_detector(model, 3, 80) == whole);  // nothing in it is long
}

BOOST_AUTO_TEST_CASE(a_terminal_without_a_width_is_none) {  // as mpirun gives to its ranks
  for (const unsigned short width : {0, 80}) {
    int user = -1, program = -1;
    const winsize size{.ws_row = 24, .ws_col = width, .ws_xpixel = 0, .ws_ypixel = 0};
    BOOST_REQUIRE(openpty(&user, &program, nullptr, nullptr, &size) == 0);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{fdopen(program, "w"), std::fclose};
    const odt::console out(file.get());
    BOOST_TEST(out.terminal() == (width > 0));
    BOOST_TEST(out.columns() == (width > 0 ? 79u : 0u));
    close(user);
  }
}

BOOST_AUTO_TEST_SUITE_END()
