// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/world.hpp>

#include <cstdlib>
#include <string_view>

namespace odt {

namespace detail::worlds {

ODT_INLINE int number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  return text ? std::atoi(text) : 0;
}

}  // namespace detail::worlds

ODT_INLINE world_maker& world_of_program() {
  static world_maker maker;
  return maker;
}

ODT_INLINE std::string launcher_variable() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const int ranks = detail::worlds::number_in(variable); ranks > 0) return str(variable, "=", ranks);
  if (const char* rank = std::getenv("PMIX_RANK")) return str("PMIX_RANK=", rank);
  if (const int ranks = detail::worlds::number_in("SLURM_NTASKS"); ranks > 1) return str("SLURM_NTASKS=", ranks);
  return {};
}

ODT_INLINE std::unique_ptr<world> join_world(const world_options& how) {
  const std::string variable = launcher_variable();
  if (variable.empty()) return nullptr;
  if (!world_of_program())
    fail("this process was started as one of several (", variable,
         "), but the program was built without MPI and would train alone; install libopenmpi-dev (or libmpich-dev) and "
         "build it again, or start it without mpirun or srun");
  std::unique_ptr<world> joined = world_of_program()(how);
  const int expected = detail::worlds::number_in("SLURM_NTASKS"), ranks = joined->ranks().ranks();
  if (expected > 1 && ranks == 1)
    fail("SLURM_NTASKS=", expected,
         ", but this process found no other rank and would train alone; start it with "
         "srun --mpi=pmix (srun --mpi=list shows what there is), or with mpirun");
  return joined;
}

}  // namespace odt
