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
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/sort_keys.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

namespace detail {

/// A block of scores, and for each a flag: can its sample's key be below the bound?
struct ScanBlock {
  static constexpr std::size_t kSize = 64;
  alignas(kSize) std::uint8_t below[kSize] = {};
  std::uint32_t tied = 0;  // did a score equal the bound's, in this block or the one before?

  /// Flags `count` scores, the first of them that of `begin`. Tie-breaks cost ten times the rest,
  /// and of real scores hardly one equals the bound's: so they are made only near where one does.
  template <bool kTiesById>
  [[gnu::always_inline]] void flag(const float* scores, std::size_t begin, std::size_t count,
                                   const TotalOrder& order, Key bound) noexcept {
    const float highest = TotalOrder::score(bound);
    const auto tie_bound = static_cast<std::uint32_t>(bound);
    if (tied == 0) {
      for (std::size_t i = 0; i < count; ++i) {
        tied |= static_cast<std::uint32_t>(scores[i] == highest);
      }
    }
    if (tied == 0) {
      for (std::size_t i = 0; i < count; ++i) {
        below[i] = static_cast<std::uint8_t>(scores[i] < highest);
      }
      return;
    }
    tied = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = static_cast<Id>(begin + i);
      const std::uint32_t tie = kTiesById ? id : order.tie_by_seed(id);
      const auto lower = static_cast<std::uint32_t>(scores[i] < highest);
      const auto equal = static_cast<std::uint32_t>(scores[i] == highest);
      tied |= equal;
      below[i] =
          static_cast<std::uint8_t>(lower | (equal & static_cast<std::uint32_t>(tie < tie_bound)));
    }
  }

  /// The first `count` flags as bits, so that picking out the set ones branches on how many there
  /// are and on nothing else.
  [[nodiscard, gnu::always_inline]] std::uint64_t bits(std::size_t count) const noexcept {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t all = 0;
    for (std::size_t group = 0; group < kSize; group += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, below + group, 8);
      all |= ((eight * 0x0102040810204080ULL) >> 56) << group;  // byte i, 0 or 1, becomes bit i
    }
    return count == kSize ? all : all & ((std::uint64_t{1} << count) - 1);
  }
};

/// See scan_below. Inlined into one function for each instruction set.
template <bool kTiesById, class Visit>
[[gnu::always_inline]] inline void scan_body(const ScoreTable& table, const TotalOrder& order,
                                             Key bound, Visit& visit) {
  const float* const scores = table.scores();
  const std::size_t size = table.size();
  ScanBlock flags;
  for (std::size_t begin = 0; begin < size; begin += ScanBlock::kSize) {
    // The highest score that a key below the bound can have; the tie-break decides among equals.
    const float highest = TotalOrder::score(bound);
    const std::size_t count = std::min(ScanBlock::kSize, size - begin);
    const float* const block = scores + begin;
    std::uint32_t any = 0;
    for (std::size_t i = 0; i < count; ++i) any |= static_cast<std::uint32_t>(block[i] <= highest);
    if (any == 0) continue;
    flags.flag<kTiesById>(block, begin, count, order, bound);
    for (std::uint64_t set = flags.bits(count); set != 0; set &= set - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(set));
      const Key key = order.key(block[i], static_cast<Id>(begin + i));
      if (key < bound) bound = visit(key);
    }
  }
}

template <bool kTiesById, class Visit>
void scan_anywhere(const ScoreTable& table, const TotalOrder& order, Key bound, Visit& visit) {
  scan_body<kTiesById>(table, order, bound, visit);
}

#if defined(__x86_64__) && defined(__GNUC__)
template <bool kTiesById, class Visit>
[[gnu::target("avx2")]] void scan_avx2(const ScoreTable& table, const TotalOrder& order, Key bound,
                                       Visit& visit) {
  scan_body<kTiesById>(table, order, bound, visit);
}
#endif

template <bool kTiesById, class Visit>
void scan_widest(const ScoreTable& table, const TotalOrder& order, Key bound, Visit& visit) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx2")) {
    return scan_avx2<kTiesById>(table, order, bound, visit);
  }
#endif
  scan_anywhere<kTiesById>(table, order, bound, visit);
}

}  // namespace detail

/// Calls visit(key) for every sample of the pool whose key is below the bound, in order of ids;
/// visit returns the bound from then on, which must not rise. Bounds are at most kRemovedKey. The
/// test runs over 64 bare scores at a time, with the widest instructions the machine has; most
/// blocks end there.
template <class Visit>
void scan_below(const ScoreTable& table, const TotalOrder& order, Key bound, Visit visit) {
  assert(bound <= kRemovedKey);
  if (order.ties() == Ties::kId) {
    detail::scan_widest<true>(table, order, bound, visit);
  } else {
    detail::scan_widest<false>(table, order, bound, visit);
  }
}

namespace detail {

/// Lets a better key take the place of the worst in a max-heap: one way down instead of a pop and a
/// push.
inline void replace_worst(std::vector<Key>& heap, Key key) noexcept {
  std::size_t hole = 0;
  for (std::size_t child = 1; child < heap.size(); child = 2 * hole + 1) {
    if (child + 1 < heap.size() && heap[child + 1] > heap[child]) ++child;
    if (heap[child] <= key) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = key;
}

/// A key that, by the word of a random sample, at least `wanted` of the pool lie below; how many do
/// at the most, most likely; and whether so many tie at its score that a walk along the ties pays.
struct Guess {
  Key bound = kRemovedKey;
  std::size_t below = 0;
  bool tied = false;
};

inline Guess guess_bound(const ScoreTable& table, const TotalOrder& order, std::size_t wanted) {
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
  if (rank >= drawn.size()) return {};
  const auto nth = drawn.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(drawn.begin(), nth, drawn.end());
  const float score = TotalOrder::score(*nth);
  const auto tied = static_cast<std::size_t>(std::count_if(
      drawn.begin(), drawn.end(), [&](Key key) { return TotalOrder::score(key) == score; }));
  // A walk looks at a tie-break for each id there is room for; where ties are ids, at each id.
  const auto looks =
      static_cast<double>(order.ties() == Ties::kId ? table.size() : order.tie_end());
  const double hits_a_look = static_cast<double>(tied) / tuning::kThresholdSamples *
                             static_cast<double>(table.size()) / looks;
  const double most = static_cast<double>(rank) + 2.0 * std::sqrt(static_cast<double>(rank)) + 1.0;
  const double below =
      most / static_cast<double>(drawn.size()) * static_cast<double>(table.alive());
  return {*nth, static_cast<std::size_t>(below), hits_a_look > tuning::kHitsToBegin};
}

}  // namespace detail

/// Fills `out` with the keys of the pool that lie below the bound, which it returns.
inline Key collect_below(const ScoreTable& table, const TotalOrder& order, Key bound,
                         std::vector<Key>& out) {
  out.clear();
  scan_below(table, order, bound, [&](Key key) {
    out.push_back(key);
    return bound;
  });
  return bound;
}

/// Fills `out` with the keys of the pool that lie below the bound it returns: at least the `wanted`
/// smallest, or the whole pool and kHighestKey. Cost: one pass over the scores (two if the guess
/// was short, which happens less than once in a hundred calls). Needs the gate held alone.
inline Key collect_smallest(const ScoreTable& table, const TotalOrder& order, std::size_t wanted,
                            std::vector<Key>& out) {
  detail::Guess guess;
  if (wanted < table.alive() / 2) guess = detail::guess_bound(table, order, wanted);
  Key bound = guess.bound;
  out.reserve(bound == kRemovedKey ? table.alive() : guess.below);
  collect_below(table, order, bound, out);
  if (out.size() < wanted && bound < kRemovedKey) {
    bound = collect_below(table, order, kRemovedKey, out);
  }
  return bound == kRemovedKey ? kHighestKey : bound;
}

/// The `wanted` smallest keys of the pool in ascending order, or all of them, by one pass with a
/// heap of the best so far.
inline void smallest_by_heap(const ScoreTable& table, const TotalOrder& order, std::size_t wanted,
                             std::vector<Key>& out) {
  out.clear();
  if (wanted == 0) return;
  scan_below(table, order, kRemovedKey, [&](Key key) {
    if (out.size() < wanted) {
      out.push_back(key);
      if (out.size() < wanted) return kRemovedKey;
      std::make_heap(out.begin(), out.end());
    } else {
      detail::replace_worst(out, key);
    }
    return out.front();
  });
  std::sort(out.begin(), out.end());
}

/// The `wanted` smallest keys of the pool in ascending order, or all of them, by a bound from a
/// sample and one pass that keeps what is below it.
inline void smallest_by_threshold(const ScoreTable& table, const TotalOrder& order,
                                  std::size_t wanted, std::vector<Key>& out) {
  out.clear();
  if (wanted == 0) return;
  collect_smallest(table, order, wanted, out);
  if (out.size() > wanted) {
    const auto cut = out.begin() + static_cast<std::ptrdiff_t>(wanted);
    std::nth_element(out.begin(), cut, out.end());
    out.erase(cut, out.end());
  }
  sort_keys(out);
}

/// The `wanted` smallest keys of the pool in ascending order, or all of them. A heap is best for
/// few: its bound soon lies so low that the pass meets hardly a key; for many a bound from a sample
/// is.
inline void smallest_sorted(const ScoreTable& table, const TotalOrder& order, std::size_t wanted,
                            std::vector<Key>& out) {
  if (wanted <= tuning::kHeapMost) return smallest_by_heap(table, order, wanted, out);
  smallest_by_threshold(table, order, wanted, out);
}

}  // namespace socbi
