// A batch divided among the workers of one call.
//
// Each worker gets the ids of its own groups of 16 samples, a cache line of scores or the better
// part of one, in the order of the batch. So plain writes do, hardly a line is written by two, and
// a sum comes out bit for bit the same for any number of workers.
//
//   BatchSplit split;
//   split.reserve(ids.size(), parts, values.uniform());        // may throw; before the workers
//   start
//   // every worker:
//   split.divide(ids, values, table.size(), worker, parts);
//   barrier.arrive_and_wait();
//   split.for_own(worker, parts, values, [](Id id, float value) { ... });
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "socbi/batch.hpp"
#include "socbi/score.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

class BatchSplit {
 public:
  void reserve(std::size_t count, unsigned parts, bool uniform) {
    given_ids_.resize(count);
    ids_.resize(count);
    given_values_.resize(uniform ? 0 : count);
    values_.resize(uniform ? 0 : count);
    lanes_.resize(parts * stride(parts));
  }

  /// Sorts one share of the batch by the worker that will apply it (a counting sort). The ids may
  /// change under us, so they are read once, checked, and kept.
  void divide(std::span<const std::int64_t> ids, Values values, std::uint64_t samples,
              unsigned share, unsigned parts) noexcept {
    const std::size_t begin = ids.size() * share / parts;
    const std::size_t end = ids.size() * (share + 1) / parts;
    std::size_t* const begins = lane(share, parts);
    std::size_t* const next = begins + parts + 1;
    std::fill(begins, begins + parts + 1, std::size_t{0});
    std::size_t kept = begin;
    for (std::size_t i = begin; i < end; ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= samples) continue;
      given_ids_[kept] = static_cast<Id>(id);
      if (!values.uniform()) given_values_[kept] = values[i];
      ++kept;
      ++begins[owner(given_ids_[kept - 1], parts) + 1];
    }
    begins[0] = begin;
    for (unsigned part = 0; part < parts; ++part) begins[part + 1] += begins[part];
    std::copy(begins, begins + parts, next);
    for (std::size_t i = begin; i < kept; ++i) {
      const std::size_t at = next[owner(given_ids_[i], parts)]++;
      ids_[at] = given_ids_[i];
      if (!values.uniform()) values_[at] = given_values_[i];
    }
  }

  /// Calls apply(id, value) for the ids of one worker, in the order of the batch.
  template <class Apply>
  void for_own(unsigned worker, unsigned parts, Values values, Apply&& apply) noexcept {
    for (unsigned share = 0; share < parts; ++share) {
      const std::size_t* const begins = lane(share, parts);
      for (std::size_t at = begins[worker]; at < begins[worker + 1]; ++at) {
        apply(ids_[at], values.uniform() ? values.all() : values_[at]);
      }
    }
  }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return (given_ids_.capacity() + ids_.capacity()) * sizeof(Id) +
           (given_values_.capacity() + values_.capacity()) * sizeof(float) +
           lanes_.capacity() * sizeof(std::size_t);
  }

 private:
  static std::uint64_t owner(Id id, unsigned parts) noexcept {
    const std::uint32_t spread = (id >> tuning::kScoresPerLineLog2) * 0x9E3779B1U;
    return (std::uint64_t{spread} * parts) >> 32;  // scaled to 0..parts-1
  }

  /// Where a share's runs begin, [parts + 1], and the next free place of each, [parts]. A cache
  /// line of nothing lies between two shares: without it the workers' counters would share lines,
  /// and the split would take five times as long (9.4 ns an id instead of 1.8).
  [[nodiscard]] std::size_t* lane(unsigned share, unsigned parts) noexcept {
    return lanes_.data() + share * stride(parts);
  }
  [[nodiscard]] static std::size_t stride(unsigned parts) noexcept {
    return std::size_t{2} * parts + 1 + 64 / sizeof(std::size_t);
  }

  std::vector<Id> given_ids_, ids_;           // [count] as given; by owner
  std::vector<float> given_values_, values_;  // [count] likewise, or empty
  std::vector<std::size_t> lanes_;            // [parts, stride]
};

}  // namespace socbi
