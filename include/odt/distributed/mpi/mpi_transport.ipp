// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/mpi/mpi_transport.hpp>
#include <odt/io/file.hpp>
#include <odt/train/stop_signal.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <thread>

namespace odt {

namespace detail::mpi {

ODT_INLINE int count_of(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    fail("MPI takes messages of up to 2 GiB, and one has ", bytes, " bytes");
  return static_cast<int>(bytes);
}

/// Ends all ranks, this one too, which must not take the launcher's SIGTERM for a wish to save and stop.
ODT_INLINE void end_all_ranks(int status) {
  ::signal(SIGTERM, SIG_DFL);
  MPI_Abort(MPI_COMM_WORLD, status);
}

}  // namespace detail::mpi

ODT_INLINE mpi_transport::mpi_transport(double timeout) : timeout_(timeout) {
  MPI_Comm_dup(MPI_COMM_WORLD, &data_);
  MPI_Comm_dup(MPI_COMM_WORLD, &greetings_);
  MPI_Comm_rank(data_, &rank_);
  MPI_Comm_size(data_, &ranks_);
  introduce();
}

ODT_INLINE mpi_transport::~mpi_transport() {
  for (peer& p : peers_)
    if (p.greeting != MPI_REQUEST_NULL) MPI_Request_free(&p.greeting);
  MPI_Barrier(data_);  // whoever greets has somebody to greet
  idle();
  MPI_Comm_free(&greetings_);
  MPI_Comm_free(&data_);
}

/// Tells all where this rank runs.
ODT_INLINE void mpi_transport::introduce() {
  struct place {
    char host[256];
    int process;
  };
  place own{{}, static_cast<int>(::getpid())};
  host_name().copy(own.host, sizeof own.host - 1);
  std::vector<place> all(static_cast<std::size_t>(ranks_));
  MPI_Allgather(&own, sizeof own, MPI_CHAR, all.data(), sizeof own, MPI_CHAR, data_);
  for (const place& p : all) peers_.push_back({p.host, p.process, clock::now()});
}

ODT_INLINE void mpi_transport::exchange(std::span<const std::span<const char>> out, std::span<const std::span<char>> in,
                                        const std::string& doing) {
  std::vector<MPI_Request> requests;
  std::vector<int> sources;  // of the requests; -1: it sends
  for (int r = 0; r < ranks_; ++r) {
    const std::span<char> to = in[static_cast<std::size_t>(r)];
    if (r == rank_ || to.empty()) continue;
    requests.emplace_back(), sources.push_back(r);
    MPI_Irecv(to.data(), detail::mpi::count_of(to.size()), MPI_CHAR, r, 0, data_, &requests.back());
  }
  for (int r = 0; r < ranks_; ++r) {
    const std::span<const char> from = out[static_cast<std::size_t>(r)];
    if (r == rank_ || from.empty()) continue;
    requests.emplace_back(), sources.push_back(-1);
    MPI_Isend(from.data(), detail::mpi::count_of(from.size()), MPI_CHAR, r, 0, data_, &requests.back());
  }
  await(requests, sources, doing);
}

/// MPI goes on only while it is asked; a nap now and then leaves the processor to the train step.
ODT_INLINE void mpi_transport::await(std::vector<MPI_Request>& requests, const std::vector<int>& sources,
                                     const std::string& doing) {
  const int count = static_cast<int>(requests.size());
  std::vector<int> done(requests.size());
  clock::time_point looked = clock::now();
  for (int left = count, idle_rounds = 0; left > 0;) {
    int finished = 0;
    MPI_Testsome(count, requests.data(), &finished, done.data(), MPI_STATUSES_IGNORE);
    if (finished == MPI_UNDEFINED) return;
    left -= finished;
    for (int i = 0; i < finished; ++i)
      if (const int source = sources[static_cast<std::size_t>(done[static_cast<std::size_t>(i)])]; source >= 0)
        peers_[static_cast<std::size_t>(source)].heard = clock::now();
    idle_rounds = finished > 0 ? 0 : idle_rounds + 1;
    if (idle_rounds < 20)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (clock::now() - looked < std::chrono::milliseconds(200)) continue;
    idle();
    require_life(requests, sources, doing);
    looked = clock::now();
  }
}

ODT_INLINE void mpi_transport::idle() {
  for (int there = 1; there != 0;) {
    MPI_Status from;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, greetings_, &there, &from);
    if (there == 0) break;
    char greeting = 0;
    MPI_Recv(&greeting, 1, MPI_CHAR, from.MPI_SOURCE, 0, greetings_, MPI_STATUS_IGNORE);
    peers_[static_cast<std::size_t>(from.MPI_SOURCE)].heard = clock::now();
  }
  if (clock::now() - greeted_ < std::chrono::seconds(2)) return;
  greeted_ = clock::now();
  for (int r = 0; r < ranks_; ++r) {
    MPI_Request& greeting = peers_[static_cast<std::size_t>(r)].greeting;
    int sent = 1;
    if (greeting != MPI_REQUEST_NULL) MPI_Test(&greeting, &sent, MPI_STATUS_IGNORE);
    if (r != rank_ && sent != 0) MPI_Isend(&greeting_, 1, MPI_CHAR, r, 0, greetings_, &greeting);
  }
}

ODT_INLINE void mpi_transport::watch(const std::string& doing) {
  idle();
  for (int r = 0; r < ranks_; ++r)
    if (r != rank_) require_life(r, doing);
}

ODT_INLINE void mpi_transport::require_life(const std::vector<MPI_Request>& requests, const std::vector<int>& sources,
                                            const std::string& doing) const {
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests[i] != MPI_REQUEST_NULL && sources[i] >= 0) require_life(sources[i], doing);
}

ODT_INLINE void mpi_transport::require_life(int rank, const std::string& doing) const {
  // Who is told to stop because another rank has ended would wait for that one.
  const double limit = stop_signal::received() != 0 ? std::min(timeout_, 5.0) : timeout_;
  const peer& waited_for = peers_[static_cast<std::size_t>(rank)];
  const double silent = std::chrono::duration<double>(clock::now() - waited_for.heard).count();
  if (silent < limit) return;
  std::fprintf(stderr,
               "odt: error: rank %d: rank %d (%s, process %d) has given no sign of life for %.0f s %s; all ranks end "
               "here, and the same command goes on from the last checkpoint\n",
               rank_, rank, waited_for.host.c_str(), waited_for.process, silent, doing.c_str());
  std::fflush(stderr);
  if (waited_for.host == host_name()) ::kill(waited_for.process, SIGKILL);  // it may not hear of the end
  detail::mpi::end_all_ranks(1);
}

}  // namespace odt
