// The samples of one score in the order of their ties, without a list and without a sort.
//
// Counts start at zero and most stay there for long: most of the pool ties at the lowest score. The
// tie-break is a permutation that can be undone, so counting it up and asking each id that comes
// out for its score visits the tied samples in order. It costs one look a tie-break, whatever is
// listed, hit or removed meanwhile, so it pays while a fair share of those looks finds a sample.
//
//   std::vector<Key> keys;
//   const WalkEnd end = walk_ties(table, order, lowest_key(0.0f), 128, 512, keys);
//   // keys: the 128 lowest of score 0, ascending; end.next: where to go on
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "socbi/prefetch.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

struct WalkEnd {
  Key next;     ///< the lowest key the walk has not come to
  bool enough;  ///< as many found as were wanted, or no more of this score are left
};

namespace detail {

/// A block of tie-breaks and the ids they stand for, whose scores are on their way.
struct TieBlock {
  static constexpr std::size_t kSize = 32;
  std::array<Id, kSize> ids;
  std::uint64_t begin = 0;
  std::size_t count = 0;

  void fetch(const ScoreTable& table, const TotalOrder& order, std::uint64_t from) noexcept {
    begin = from;
    const std::uint64_t end = order.ties() == Ties::kId ? table.size() : order.tie_end();
    count = static_cast<std::size_t>(std::min<std::uint64_t>(kSize, end - std::min(from, end)));
    for (std::size_t i = 0; i < count; ++i) {
      ids[i] = order.id_of_tie(static_cast<std::uint32_t>(begin + i));
      fetch_ahead(table.scores() + ids[i]);
    }
  }
};

}  // namespace detail

/// Appends the keys of samples that have the score of `from` and lie from there on, ascending,
/// until `wanted` are appended. Gives up where after `patience` looks fewer than one in
/// `tuning::kLooksAHit` has found a sample. `from` is below kRemovedKey.
inline WalkEnd walk_ties(const ScoreTable& table, const TotalOrder& order, Key from,
                         std::size_t wanted, std::size_t patience, std::vector<Key>& out) {
  const float score = TotalOrder::score(from) + 0.0F;  // no sample has the score -0.0
  const Key base = lowest_key(score);
  const Key past = base + (Key{1} << 32);
  const float* const scores = table.scores();
  const std::size_t size = table.size();
  const std::size_t target = out.size() + wanted;
  std::uint64_t looks = 0;
  std::uint64_t hits = 0;
  detail::TieBlock blocks[2];  // taking turns: one is looked at while the other is on its way
  blocks[0].fetch(table, order, from <= base ? 0 : static_cast<std::uint32_t>(from));
  for (unsigned turn = 0; out.size() < target; turn ^= 1U) {
    const detail::TieBlock& now = blocks[turn];
    if (now.count == 0) return {past, true};
    if (looks > patience && hits * tuning::kLooksAHit < looks) {
      return {base | now.begin, false};
    }
    blocks[turn ^ 1U].fetch(table, order, now.begin + now.count);
    std::array<Key, detail::TieBlock::kSize> found;
    std::size_t count = 0;
    for (std::size_t i = 0; i < now.count; ++i) {
      const Id id = now.ids[i];
      found[count] = base | (now.begin + i);
      count += static_cast<std::size_t>(id < size && scores[id] == score);
    }
    looks += now.count;
    hits += count;
    const auto used = static_cast<std::ptrdiff_t>(std::min(count, target - out.size()));
    out.insert(out.end(), found.begin(), found.begin() + used);
  }
  return {out.back() + 1, true};
}

}  // namespace socbi
