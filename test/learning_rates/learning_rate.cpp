// SPDX-License-Identifier: MIT
// What the contract accepts, its laws for every schedule, and the choice among them.
#include <odt/config/learning_rate.hpp>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <json_settings.hpp>
#include <limits>
#include <string>

namespace {

struct conforming {
  static constexpr std::string_view name = "conforming";
  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };
  options opts{};
  float at(std::int64_t) const { return 1; }
};

struct in_double : conforming {
  double at(std::int64_t) const { return 1; }
};

static_assert(odt::learning_rate_schedule<conforming>);
static_assert(!odt::learning_rate_schedule<in_double>);
static_assert(!odt::learning_rate_schedule<int>);

using schedules = boost::mpl::list<odt::constant_learning_rate, odt::exponential_decay_learning_rate,
                                   odt::manual_step_learning_rate, odt::cosine_decay_learning_rate>;

odt::settings message(const char* text) { return odt::test::to_settings(nlohmann::json::parse(text), "learning_rate"); }

}  // namespace

BOOST_AUTO_TEST_SUITE(learning_rate_tests)

BOOST_AUTO_TEST_CASE_TEMPLATE(rates_are_finite_and_not_negative, S, schedules) {
  static_assert(odt::learning_rate_schedule<S>);
  const S schedule;
  for (std::int64_t step = 0; step < std::int64_t{1} << 40; step = 3 * step + 1) {
    BOOST_TEST(std::isfinite(schedule.at(step)));
    BOOST_TEST(schedule.at(step) >= 0);
    BOOST_TEST(schedule.at(step) == schedule.at(step));
  }
}

BOOST_AUTO_TEST_CASE(the_schedule_that_the_message_names_is_chosen) {
  const auto rate = odt::learning_rate_from(message(R"({"manual_step_learning_rate": {"initial_learning_rate": 0.1,
      "schedule": [{"step": 5, "learning_rate": 0.01}], "warmup": false}})"));
  BOOST_TEST(odt::name_of(rate.schedule) == "manual_step_learning_rate");
  BOOST_TEST(rate.at(4) == 0.1f);
  BOOST_TEST(rate.at(5) == 0.01f);
}

BOOST_AUTO_TEST_CASE(a_message_without_a_known_schedule_is_refused) {
  BOOST_CHECK_THROW(odt::learning_rate_from(message("{}")), odt::error);
  BOOST_CHECK_EXCEPTION(odt::learning_rate_from(message(R"({"polynomial": {"power": 2}})")), odt::error,
                        [](const odt::error& e) {
                          return std::string(e.what()).find("cosine_decay_learning_rate") != std::string::npos;
                        });
}

BOOST_AUTO_TEST_CASE(a_schedule_that_contradicts_itself_is_refused) {
  BOOST_CHECK_THROW(
      odt::learning_rate_from(message(R"({"manual_step_learning_rate": {"initial_learning_rate": 0.1, "warmup": false,
          "schedule": [{"step": 5, "learning_rate": 0.01}, {"step": 4, "learning_rate": 0.001}]}})")),
      odt::error);
}

BOOST_AUTO_TEST_SUITE_END()
