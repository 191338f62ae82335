// Whether fetching scores ahead pays, learned while updating.
//
// Scores that lie in a cache near the core are updated fastest by the bare loop; those that must
// come from afar by a loop that asks for them ahead of time (half the time at 10^6 samples that
// something else pushed out of the cache, twice the time where nothing did). Size alone does not
// tell: it depends on the machine, on what runs beside, and on whether ids come again. So blocks of
// updates are timed, both ways now and then, and the faster way is gone on with. Answers do not
// depend on it.
//
// Needs the access gate held alone.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "socbi/tuning.hpp"

namespace socbi {

class FetchChoice {
 public:
  /// Runs update(ahead) for a block of `count` ids and returns what it does.
  template <class Update>
  auto run(std::size_t count, Update&& update) {
    if (count < tuning::kTimedIds) return update(faster_ahead());
    const bool ahead = ++blocks_ % tuning::kTryOtherWay == 0 ? !faster_ahead() : faster_ahead();
    const auto begin = std::chrono::steady_clock::now();
    const auto done = update(ahead);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    note(ahead, took.count() / static_cast<double>(count));
    return done;
  }

 private:
  [[nodiscard]] bool faster_ahead() const noexcept { return ns_[1] < ns_[0]; }

  /// A running mean; a block during which the thread was stopped counts as one twice as slow.
  void note(bool ahead, double ns) noexcept {
    double& mean = ns_[static_cast<std::size_t>(ahead)];
    mean += (std::min(ns, 2 * mean) - mean) / 8;
  }

  std::array<double, 2> ns_ = {1.0, 1.25};  // ns an id: bare, ahead; the bare loop first
  std::size_t blocks_ = 0;
};

}  // namespace socbi
