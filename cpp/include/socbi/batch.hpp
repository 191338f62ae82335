// One batch of updates: what a caller hands in, and the loops that apply it.
//
// A batch is checked before anything is written, or undone before anybody can see it: a call that
// throws has changed nothing. The ids are the caller's own memory and may be changed by another of
// its threads while we work; every loop therefore looks at the range again before it writes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

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
  explicit Values(std::span<const float> each) : each_(each.data()), size_(each.size()) {}

  [[nodiscard]] bool uniform() const noexcept { return each_ == nullptr; }
  [[nodiscard]] float all() const noexcept { return all_; }
  [[nodiscard]] const float* each() const noexcept { return each_; }
  [[nodiscard]] float operator[](std::size_t i) const noexcept {
    return uniform() ? all_ : each_[i];
  }

  [[nodiscard]] double largest() const noexcept {
    return std::max(std::fabs(lowest()), std::fabs(highest()));
  }
  [[nodiscard]] bool whole() const noexcept {
    return uniform()
               ? all_ == std::trunc(all_)
               : std::all_of(each_, each_ + size_, [](float v) { return v == std::trunc(v); });
  }
  [[nodiscard]] float lowest() const noexcept {
    float lowest = (*this)[0];
    for (std::size_t i = 1; i < size_; ++i) lowest = std::fmin(lowest, each_[i]);
    return lowest;
  }
  [[nodiscard]] float highest() const noexcept {
    float highest = (*this)[0];
    for (std::size_t i = 1; i < size_; ++i) highest = std::fmax(highest, each_[i]);
    return highest;
  }

 private:
  float all_ = 0.0F;
  const float* each_ = nullptr;
  std::size_t size_ = 0;
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
  for (; i < count && static_cast<std::uint64_t>(id_at[i]) < size; ++i) {
    step(i, static_cast<std::uint64_t>(id_at[i]));
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

inline void take_back(ScoreTable& table, std::span<const std::int64_t> ids, float delta) noexcept {
  for (const std::int64_t id : ids) {
    if (static_cast<std::uint64_t>(id) < table.size()) table.scores()[id] -= delta;
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

/// Takes back what `apply_logged` did, last first, so that an id given twice ends as it began. What
/// was not in the pool did not change, and only what is in the pool is written: should the caller's
/// ids have changed meanwhile, scores are wrong, as he asked for, but no sample comes or goes.
inline void undo_changes(ScoreTable& table, std::span<const std::int64_t> ids,
                         const float* undo) noexcept {
  for (std::size_t i = ids.size(); i-- > 0;) {
    const auto id = static_cast<std::uint64_t>(ids[i]);
    if (undo[i] == kRemovedScore || id >= table.size()) continue;
    if (table.in_pool(static_cast<Id>(id))) table.scores()[id] = undo[i];
  }
}

}  // namespace socbi
