// One batch of updates: what a caller hands in, and the loops that apply it.
//
// A batch is checked before anything is written, or undone before anybody can see it: a call that
// throws has changed nothing. The ids are the caller's own memory and may be changed by another of
// its threads while we work; every loop therefore looks at the range again before it writes.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "socbi/errors.hpp"
#include "socbi/prefetch.hpp"
#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

/// One number for the whole batch, or one for each id. Finite: the caller has checked.
class Values {
 public:
  explicit Values(float all) : all_(all) {}
  explicit Values(std::span<const float> each) : each_(each.data()) {}

  [[nodiscard]] bool uniform() const noexcept { return each_ == nullptr; }
  [[nodiscard]] float all() const noexcept { return all_; }
  [[nodiscard]] const float* each() const noexcept { return each_; }
  [[nodiscard]] float operator[](std::size_t i) const noexcept {
    return uniform() ? all_ : each_[i];
  }

 private:
  float all_ = 0.0F;
  const float* each_ = nullptr;
};

/// What a call needs to know of its values before it begins.
struct ValueFacts {
  float largest = 0.0F;   ///< the largest size
  bool negative = false;  ///< some are
  bool positive = false;
  bool whole = true;
  bool finite = true;

  /// The facts of these values. All comparisons are of whole numbers, so that the compiler can use
  /// vectors: value by value this costs several times what an update does (1.8 ns against 0.3).
  [[nodiscard]] static ValueFacts of(std::span<const float> values) noexcept {
    constexpr std::uint32_t kSign = 0x80000000U;
    constexpr std::int32_t kInfinity = 0x7F800000;
    constexpr auto kAllWhole = std::bit_cast<std::int32_t>(float{1 << 24});  // and all above
    std::int32_t largest = 0;
    std::uint32_t negative = 0;
    std::uint32_t positive = 0;
    std::uint32_t part = 0;
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      const auto size = static_cast<std::int32_t>(bits & ~kSign);
      largest = size > largest ? size : largest;
      const auto not_zero = static_cast<std::uint32_t>(size != 0);
      negative |= not_zero & (bits >> 31);
      positive |= not_zero & ~(bits >> 31);
      const std::int32_t within = size & ((size - kAllWhole) >> 31);  // 0 if whole anyway; a mask,
      // since of a choice the compiler makes a branch, and then no vectors
      const auto cut = static_cast<std::int32_t>(std::bit_cast<float>(within));
      part |= static_cast<std::uint32_t>(std::bit_cast<std::int32_t>(static_cast<float>(cut)) !=
                                         within);
    }
    return {std::bit_cast<float>(largest), negative != 0, positive != 0, part == 0,
            largest < kInfinity};
  }
};

/// The caller's values, which he may change under us, as our own: read once, each of them finite.
class OwnValues {
 public:
  OwnValues(Values values, std::size_t count) : values_(values) {
    if (values.uniform()) {
      const float all = values.all();
      facts_ = ValueFacts::of({&all, 1});
    } else {
      copy_.assign(values.each(), values.each() + count);
      facts_ = ValueFacts::of(copy_);
      values_ = Values(std::span<const float>(copy_));
    }
    if (!facts_.finite) {
      throw std::invalid_argument("values must be finite, and not be changed during the call");
    }
  }
  OwnValues(const OwnValues&) = delete;
  OwnValues& operator=(const OwnValues&) = delete;

  [[nodiscard]] Values values() const noexcept { return values_; }
  [[nodiscard]] const ValueFacts& facts() const noexcept { return facts_; }

 private:
  Values values_;
  std::vector<float> copy_;
  ValueFacts facts_;
};

/// Adding a value to a score. `sign` is -1 where the largest are asked for: the table holds the
/// scores so that smaller is better.
struct Adding {
  float sign;
  float operator()(float was, float value) const noexcept { return was + value * sign; }
  static float shared(std::atomic_ref<float> score, float delta) noexcept {
    return ScoreTable::Protocol::add(score, delta);
  }
};

/// Replacing a score by a value; the zero makes -0.0 into +0.0, which the order tells apart.
struct Setting {
  float sign;
  float operator()(float was, float value) const noexcept {
    return was == kRemovedScore ? was : value * sign + 0.0F;
  }
  static float shared(std::atomic_ref<float> score, float value) noexcept {
    return ScoreTable::Protocol::set(score, value);
  }
};

/// Are all ids those of samples in the pool?
[[nodiscard]] inline bool all_in_pool(const ScoreTable& table,
                                      std::span<const std::int64_t> ids) noexcept {
  const std::size_t size = table.size();
  for (std::size_t begin = 0; begin < ids.size(); begin += tuning::kBlockIds) {
    bool good = true;
    for (std::size_t i = begin; i < std::min(ids.size(), begin + tuning::kBlockIds); ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      good &= id < size && table.in_pool(static_cast<Id>(id));
    }
    if (!good) return false;
  }
  return true;
}

/// Throws for the first id that is out of range or removed; `first` is the position of ids[0].
inline void require_in_pool(const ScoreTable& table, std::span<const std::int64_t> ids,
                            std::size_t first = 0) {
  if (all_in_pool(table, ids)) return;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::int64_t id = ids[i];
    if (static_cast<std::uint64_t>(id) >= table.size())
      throw UnknownId(first + i, id, table.size());
    if (!table.in_pool(static_cast<Id>(id))) throw RemovedId(first + i, id);
  }
}

/// Calls step(position, id) for each id in turn and stops at the first that is out of range;
/// returns how many were done. Eight ids share one range check, so that the loop is bound by its
/// cache misses alone; `kAhead` fetches scores ahead, which pays where they lie far from the core.
template <bool kAhead, class Step>
std::size_t for_each_known(const ScoreTable& table, std::span<const std::int64_t> ids, Step step) {
  constexpr std::size_t kLanes = 8;
  const std::uint64_t size = table.size();
  const float* const scores = table.scores();
  const std::int64_t* const id_at = ids.data();
  const std::size_t count = ids.size();
  const std::size_t whole_groups = count / kLanes * kLanes;
  std::size_t i = 0;
  for (; i < whole_groups; i += kLanes) {
    std::uint64_t group[kLanes];
    bool unknown = false;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      group[lane] = static_cast<std::uint64_t>(id_at[i + lane]);
      unknown |= group[lane] >= size;
    }
    if (unknown) break;
    if (kAhead && i + kLanes + tuning::kPlainFetchDistance <= count) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        fetch_ahead(scores +
                    static_cast<std::uint32_t>(id_at[i + lane + tuning::kPlainFetchDistance]));
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) step(i + lane, group[lane]);
  }
  for (; i < count; ++i) {
    const auto id = static_cast<std::uint64_t>(id_at[i]);
    if (id >= size) break;
    step(i, id);
  }
  return i;
}

/// Adds one whole number to ids that nobody else touches, where every score and every sum is a
/// whole number that float32 holds exactly: then subtracting undoes it and nothing need be kept.
/// `good` says whether all ids were known and in the pool; if not, `take_back` what was done.
template <bool kAhead>
std::size_t add_exactly(ScoreTable& table, std::span<const std::int64_t> ids, float delta,
                        bool& good) {
  float* const scores = table.scores();
  float worst[8] = {};  // a removed sample shows as an infinite sum; eight, so that none waits
  const std::size_t done = for_each_known<kAhead>(table, ids, [&](std::size_t i, std::uint64_t id) {
    const float now = scores[id] + delta;
    scores[id] = now;
    worst[i % 8] = now > worst[i % 8] ? now : worst[i % 8];
  });
  good = done == ids.size() &&
         std::find(std::begin(worst), std::end(worst), kRemovedScore) == std::end(worst);
  return done;
}

/// Subtracts again what `add_exactly` added, and calls after(id) for each id.
template <class After>
void take_back(ScoreTable& table, std::span<const std::int64_t> ids, float delta, After after) {
  for (const std::int64_t each : ids) {
    const auto id = static_cast<std::uint64_t>(each);
    if (id >= table.size()) continue;
    table.scores()[id] -= delta;
    after(static_cast<Id>(id));
  }
}

/// Changes ids that nobody else touches, keeping in `undo` what the scores were. `good` as above;
/// if not good, `undo_changes` for what was done.
///
/// One pass and no look at the pool's bits: at n = 10^6 a separate pass to check the ids costs as
/// much as the updates themselves.
template <bool kAhead, class Change>
std::size_t apply_logged(ScoreTable& table, std::span<const std::int64_t> ids, Values values,
                         Change change, float* undo, bool& good) {
  float* const scores = table.scores();
  const auto apply = [&](auto value_at) {
    return for_each_known<kAhead>(table, ids, [&](std::size_t i, std::uint64_t id) {
      const float was = scores[id];
      undo[i] = was;
      scores[id] = change(was, value_at(i));
    });
  };
  const std::size_t done = values.uniform()
                               ? apply([all = values.all()](std::size_t) { return all; })
                               : apply([each = values.each()](std::size_t i) { return each[i]; });
  std::uint32_t removed = 0;
  for (std::size_t i = 0; i < done; ++i) {
    removed |= static_cast<std::uint32_t>(undo[i] == kRemovedScore);
  }
  good = done == ids.size() && removed == 0;
  return done;
}

/// Takes back what `apply_logged` did, last first, so that an id given twice ends as it began, and
/// calls after(id) for each id. What
/// was not in the pool did not change, and only what is in the pool is written: should the caller's
/// ids have changed meanwhile, scores are wrong, as he asked for, but no sample comes or goes.
template <class After>
void undo_changes(ScoreTable& table, std::span<const std::int64_t> ids, const float* undo,
                  After after) {
  for (std::size_t i = ids.size(); i-- > 0;) {
    const auto id = static_cast<std::uint64_t>(ids[i]);
    if (undo[i] == kRemovedScore || id >= table.size()) continue;
    if (!table.in_pool(static_cast<Id>(id))) continue;
    table.scores()[id] = undo[i];
    after(static_cast<Id>(id));
  }
}

}  // namespace socbi
