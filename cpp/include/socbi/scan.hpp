// The flat way to the best samples: one pass over the scores.
//
// A sample of the scores gives a bound below which the wanted ones lie with near certainty; the
// pass keeps the keys below it. Where nearly everything changed since the last look this is the
// fastest there is, and it is also how the list finds what to list.
//
//   std::vector<Key> keys;
//   Key bound = collect_smallest(table, order, 128, keys);
//   // keys: exactly the samples with a key below bound, unsorted, at least 128 if there are so
//   many
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "socbi/radix_sort.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

namespace detail {

/// Appends the keys below `bound`. The inner test runs on bare scores, 64 at a time, and most
/// blocks end there; only a block with a candidate computes keys.
inline void collect_below(const ScoreTable& table, const TotalOrder& order, Key bound,
                          std::vector<Key>& out) {
  constexpr std::size_t kBlock = 64;
  const float* scores = table.scores();
  const std::size_t size = table.size();
  // The highest score a key below the bound can have; the tie-break decides among equal scores.
  const float highest = TotalOrder::score(std::min(bound, kRemovedKey) - 1);
  Key found[kBlock];
  for (std::size_t begin = 0; begin < size; begin += kBlock) {
    const std::size_t end = std::min(size, begin + kBlock);
    std::uint32_t any = 0;
    for (std::size_t i = begin; i < end; ++i)
      any |= static_cast<std::uint32_t>(scores[i] <= highest);
    if (any == 0) continue;
    std::size_t count = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const Key key = order.key(scores[i], static_cast<Id>(i));
      found[count] = key;
      count += static_cast<std::size_t>(key < bound);
    }
    out.insert(out.end(), found, found + count);
  }
}

/// A key that, by the word of a random sample, at least `wanted` of the pool lie below.
inline Key guess_bound(const ScoreTable& table, const TotalOrder& order, std::size_t wanted) {
  std::vector<Key> drawn;
  drawn.reserve(tuning::kThresholdSamples);
  // A Weyl sequence: spread evenly over the table whatever its length, the same every time.
  std::uint64_t point = 0;
  for (std::size_t draw = 0; draw < tuning::kThresholdSamples; ++draw) {
    point += 0x9E3779B97F4A7C15ULL;
    const auto id = static_cast<Id>(((point >> 32) * table.size()) >> 32);
    const float score = table.scores()[id];
    if (score != kRemovedScore) drawn.push_back(order.key(score, id));
  }
  const double share = static_cast<double>(wanted) / static_cast<double>(table.alive());
  const double expected = share * static_cast<double>(drawn.size());
  const auto rank = static_cast<std::size_t>(expected + 3.0 * std::sqrt(expected) + 4.0);
  if (rank >= drawn.size()) return kRemovedKey;
  const auto nth = drawn.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(drawn.begin(), nth, drawn.end());
  return *nth;
}

}  // namespace detail

/// Fills `out` with the keys of the pool that lie below the bound it returns: at least the `wanted`
/// smallest, or the whole pool and kHighestKey. Cost: one pass over the scores (two if the guess
/// was short, which happens less than once in a hundred calls). Needs the gate held alone.
inline Key collect_smallest(const ScoreTable& table, const TotalOrder& order, std::size_t wanted,
                            std::vector<Key>& out) {
  out.clear();
  Key bound = kRemovedKey;
  if (wanted < table.alive() / 2) bound = detail::guess_bound(table, order, wanted);
  detail::collect_below(table, order, bound, out);
  if (out.size() < wanted && bound < kRemovedKey) {
    bound = kRemovedKey;
    out.clear();
    detail::collect_below(table, order, bound, out);
  }
  return bound == kRemovedKey ? kHighestKey : bound;
}

/// The `wanted` smallest keys of the pool in ascending order, or all of them.
inline void smallest_sorted(const ScoreTable& table, const TotalOrder& order, std::size_t wanted,
                            std::vector<Key>& out) {
  collect_smallest(table, order, wanted, out);
  if (out.size() > wanted) {
    const auto cut = out.begin() + static_cast<std::ptrdiff_t>(wanted);
    std::nth_element(out.begin(), cut, out.end());
    out.erase(cut, out.end());
  }
  sort_keys(out);
}

}  // namespace socbi
