// The slow, obvious index: what socbi::BasicIndex must answer, said in the plainest way.
//
// A vector of scores, empty where a sample is not in the pool; every retrieval sorts the whole pool
// by (score, tie-break). The tie-break comes from socbi::TotalOrder, which test_score.cpp looks at;
// nothing else is shared with what is tested but the types of the errors.
//
// Not thread-safe. Costs O(n log n) a retrieval.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "socbi/index.hpp"

namespace socbi::testing {

/// Floats as bits, so that NaN equals itself and -0.0 does not equal 0.0.
inline std::vector<std::uint32_t> bits_of(std::span<const float> scores) {
  std::vector<std::uint32_t> bits;
  for (const float score : scores) bits.push_back(std::bit_cast<std::uint32_t>(score));
  return bits;
}

/// The value of one counter of `stats()`; 0 if there is none of that name.
inline std::uint64_t stat(const Stats& stats, const std::string& name) {
  for (const auto& [each, value] : stats) {
    if (each == name) return value;
  }
  return 0;
}

class ReferenceIndex {
 public:
  using Ids = std::span<const std::int64_t>;

  ReferenceIndex(std::size_t size, const IndexOptions& options)
      : ReferenceIndex(std::vector<float>(size, 0.0F), options) {}

  ReferenceIndex(std::span<const float> scores, const IndexOptions& options)
      : largest_first_(options.order == Asked::kLargest),
        order_(options.ties, options.seed, scores.size()) {
    for (const float score : scores) {
      pool_.push_back(std::isnan(score) ? std::nullopt : std::optional(positive_zero(score)));
    }
  }

  void add(Ids ids, Values values) {
    require_in_pool(ids);
    std::vector<std::optional<float>> after = pool_;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::optional<float>& score = after[index(ids[i])];
      score = positive_zero(*score + values[i]);
      if (!std::isfinite(*score)) throw ScoreOverflow(i, ids[i]);
    }
    pool_ = after;
  }

  void set(Ids ids, Values values) {
    require_in_pool(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) pool_[index(ids[i])] = positive_zero(values[i]);
  }

  void set_all(std::span<const float> scores) {
    if (scores.size() != pool_.size()) throw std::invalid_argument("as many scores as samples");
    for (std::size_t id = 0; id < pool_.size(); ++id) {
      if (pool_[id]) pool_[id] = positive_zero(scores[id]);
    }
  }

  std::int64_t insert(std::span<const float> scores) {
    const auto first = static_cast<std::int64_t>(pool_.size());
    for (const float score : scores) pool_.emplace_back(positive_zero(score));
    static_cast<void>(order_.fit(pool_.size()));
    return first;
  }

  void restore(Ids ids, Values values) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      require_known(ids, i);
      if (contains(ids[i])) {
        throw PresentId(i, ids[i],
                        "is in the pool already; change its score with set(ids, scores)");
      }
    }
    require_distinct(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) pool_[index(ids[i])] = positive_zero(values[i]);
  }

  void remove(Ids ids) {
    require_in_pool(ids);
    require_distinct(ids);
    for (const std::int64_t id : ids) pool_[index(id)].reset();
  }

  [[nodiscard]] Best top(std::size_t wanted) const {
    Best best;
    for (const auto& [score, tie, id] : ranked()) {
      if (best.ids.size() == wanted) break;
      best.ids.push_back(id);
      best.scores.push_back(*pool_[index(id)]);
    }
    return best;
  }

  Best pop(std::size_t wanted) {
    Best best = top(wanted);
    for (const std::int64_t id : best.ids) pool_[index(id)].reset();
    return best;
  }

  [[nodiscard]] float rank_score(std::size_t rank) const {
    if (rank == 0 || rank > size()) throw NoSuchRank(rank, size());
    return top(rank).scores.back();
  }

  [[nodiscard]] std::size_t size() const { return ids().size(); }
  [[nodiscard]] std::size_t capacity() const { return pool_.size(); }

  [[nodiscard]] bool contains(std::int64_t id) const {
    return id >= 0 && index(id) < pool_.size() && pool_[index(id)].has_value();
  }

  [[nodiscard]] std::vector<float> scores() const {
    std::vector<float> all;
    for (const auto& score : pool_) {
      all.push_back(score.value_or(std::numeric_limits<float>::quiet_NaN()));
    }
    return all;
  }

  [[nodiscard]] std::vector<float> scores(Ids ids) const {
    require_in_pool(ids);
    std::vector<float> some;
    for (const std::int64_t id : ids) some.push_back(*pool_[index(id)]);
    return some;
  }

  [[nodiscard]] std::vector<std::int64_t> ids() const {
    std::vector<std::int64_t> all;
    for (std::size_t id = 0; id < pool_.size(); ++id) {
      if (pool_[id]) all.push_back(static_cast<std::int64_t>(id));
    }
    return all;
  }

  /// The ids that are not in the pool, ascending.
  [[nodiscard]] std::vector<std::int64_t> removed() const {
    std::vector<std::int64_t> all;
    for (std::size_t id = 0; id < pool_.size(); ++id) {
      if (!pool_[id]) all.push_back(static_cast<std::int64_t>(id));
    }
    return all;
  }

 private:
  static std::size_t index(std::int64_t id) { return static_cast<std::size_t>(id); }
  static float positive_zero(float score) { return score == 0.0F ? 0.0F : score; }

  [[nodiscard]] std::vector<std::tuple<float, std::uint32_t, std::int64_t>> ranked() const {
    std::vector<std::tuple<float, std::uint32_t, std::int64_t>> all;
    for (std::size_t id = 0; id < pool_.size(); ++id) {
      if (!pool_[id]) continue;
      all.emplace_back(largest_first_ ? -*pool_[id] : *pool_[id], order_.tie(static_cast<Id>(id)),
                       static_cast<std::int64_t>(id));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  void require_known(Ids ids, std::size_t i) const {
    if (ids[i] < 0 || index(ids[i]) >= pool_.size()) throw UnknownId(i, ids[i], pool_.size());
  }

  void require_in_pool(Ids ids) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      require_known(ids, i);
      if (!contains(ids[i])) throw RemovedId(i, ids[i]);
    }
  }

  static void require_distinct(Ids ids) {
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!seen.insert(ids[i]).second) {
        throw PresentId(i, ids[i], "is given twice; give each id once");
      }
    }
  }

  bool largest_first_;
  TotalOrder order_;
  std::vector<std::optional<float>> pool_;  // [capacity]
};

/// Empty if both hold the same pool, bit for bit, and the index keeps its structural promises.
template <class Index>
std::string difference(const Index& index, const ReferenceIndex& reference) {
  if (std::string fault = index.check(); !fault.empty()) return fault;
  if (index.size() != reference.size()) {
    return "holds " + std::to_string(index.size()) + " samples, not " +
           std::to_string(reference.size());
  }
  const std::vector<std::uint32_t> have = bits_of(index.scores());
  const std::vector<std::uint32_t> want = bits_of(reference.scores());
  if (have.size() != want.size()) return "has seen another number of samples";
  for (std::size_t id = 0; id < have.size(); ++id) {
    if (have[id] != want[id]) {
      return "sample " + std::to_string(id) + " has the score " +
             std::to_string(std::bit_cast<float>(have[id])) + ", not " +
             std::to_string(std::bit_cast<float>(want[id]));
    }
  }
  return {};
}

/// Empty if both retrievals are the same, bit for bit.
inline std::string difference(const Best& have, const Best& want) {
  if (have.ids.size() != want.ids.size() || have.scores.size() != want.scores.size()) {
    return "gives " + std::to_string(have.ids.size()) + " samples, not " +
           std::to_string(want.ids.size());
  }
  for (std::size_t i = 0; i < want.ids.size(); ++i) {
    const auto score = std::bit_cast<std::uint32_t>(have.scores[i]);
    if (have.ids[i] == want.ids[i] && score == std::bit_cast<std::uint32_t>(want.scores[i])) {
      continue;
    }
    return "rank " + std::to_string(i + 1) + " is id " + std::to_string(have.ids[i]) +
           " with score " + std::to_string(have.scores[i]) + ", not id " +
           std::to_string(want.ids[i]) + " with score " + std::to_string(want.scores[i]);
  }
  return {};
}

}  // namespace socbi::testing
