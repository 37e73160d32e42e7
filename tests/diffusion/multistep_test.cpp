#include "diffusion/multistep.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace soragen::diffusion {
namespace {

Solver make(const SchedulerConfig& config, int64_t steps) { return make_solver(config, make_schedule(config, steps)); }

TEST(Multistep, RefusesBh1WithAFinalSigmaOfZero) {
  for (const int64_t order : {1, 2, 3})
    for (const int64_t steps : {1, 2, 8})
      EXPECT_ERROR(make({.solver_order = order, .is_bh1 = true}, steps), ErrorKind::unsupported, "bh1");
  EXPECT_NO_THROW(make({.is_bh1 = true, .final_sigma_is_zero = false}, 8));
}

// Found by running the reference over orders, step counts and ends: these are the ones it cannot finish.
TEST(Multistep, RefusesHighOrdersAtTheEnd) {
  for (const int64_t order : {2, 3})
    for (const int64_t steps : {2, 3, 8})
      EXPECT_ERROR(make({.solver_order = order, .lower_order_final = false}, steps), ErrorKind::unsupported,
                   "lower_order_final");
  for (const int64_t steps : {3, 8})
    EXPECT_ERROR(make({.solver_order = 3, .lower_order_final = false, .final_sigma_is_zero = false}, steps),
                 ErrorKind::unsupported, "repeated final sigma");
  EXPECT_NO_THROW(make({.solver_order = 3, .lower_order_final = false}, 1));
  EXPECT_NO_THROW(make({.solver_order = 1, .lower_order_final = false}, 8));
  EXPECT_NO_THROW(make({.solver_order = 3, .lower_order_final = false, .final_sigma_is_zero = false}, 2));
  EXPECT_NO_THROW(make({.solver = "dpm++", .lower_order_final = false}, 8));
}

// .999 shifted by this rounds to 1, and the log of alpha = 0 is infinite.
TEST(Multistep, RefusesToStartAtSigmaOne) {
  EXPECT_ERROR(make({.solver = "dpm++", .shift = 1e6}, 1), ErrorKind::unsupported, "sigma 1");
  EXPECT_NO_THROW(make({.solver = "unipc", .shift = 1e6}, 1));
}

}  // namespace
}  // namespace soragen::diffusion
