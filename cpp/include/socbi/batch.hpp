// One batch of updates: what a caller hands in, and the loops that apply it.
//
// A batch is checked before anything is written, or undone before anybody can see it: a call that
// throws has changed nothing. The ids are the caller's own memory and may be changed by another of
// its threads while we work; every loop therefore looks at the range again before it writes.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "socbi/errors.hpp"
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
  [[nodiscard]] float operator[](std::size_t i) const noexcept { return uniform() ? all_ : each_[i]; }

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

/// Throws for the first id that is out of range or removed; `first` is the position of ids[0].
inline void require_in_pool(const ScoreTable& table, std::span<const std::int64_t> ids,
                            std::size_t first = 0) {
  const std::size_t size = table.size();
  std::size_t begin = 0;
  while (begin < ids.size()) {
    const std::size_t end = std::min(ids.size(), begin + tuning::kBlockIds);
    bool good = true;
    for (std::size_t i = begin; i < end; ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= size) throw UnknownId(first + i, ids[i], size);
      good &= table.in_pool(static_cast<Id>(id));
    }
    for (std::size_t i = begin; !good && i < end; ++i) {
      if (!table.in_pool(static_cast<Id>(ids[i]))) throw RemovedId(first + i, ids[i]);
    }
    begin = end;
  }
}

/// Applies a part of a batch to ids that nobody else touches, keeping what the scores were in
/// `undo`. Returns how many were applied: fewer than ids.size() if an id was out of range or a
/// sample removed, and then `undo_changes` must be called for as many.
///
/// One pass, and no look at the pool's bits: at n = 10^6 a separate pass to check ids costs as much
/// as the updates themselves. A removed sample shows in `undo`, which is in the L1 cache.
template <class Change>
std::size_t apply_logged(ScoreTable& table, std::span<const std::int64_t> ids, Values values,
                         Change change, float* undo, bool& good) {
  float* const scores = table.scores();
  const std::uint64_t size = table.size();
  const std::int64_t* const id_at = ids.data();
  const std::size_t count = ids.size();
  std::size_t i = 0;
  const auto one = [&](std::uint64_t id, float value) {
    const float was = scores[id];
    undo[i] = was;
    scores[id] = change(was, value);
    ++i;
  };
  const auto checked_tail = [&] {
    for (; i < count && static_cast<std::uint64_t>(id_at[i]) < size;) {
      one(static_cast<std::uint64_t>(id_at[i]), values[i]);
    }
  };
  // Four ids for one range check: the loop is then bound by the cache misses alone.
  const auto by_four = [&](auto value_at) {
    while (i + 4 <= count) {
      const auto a = static_cast<std::uint64_t>(id_at[i]);
      const auto b = static_cast<std::uint64_t>(id_at[i + 1]);
      const auto c = static_cast<std::uint64_t>(id_at[i + 2]);
      const auto d = static_cast<std::uint64_t>(id_at[i + 3]);
      if ((a >= size) | (b >= size) | (c >= size) | (d >= size)) break;
      one(a, value_at(i));
      one(b, value_at(i));
      one(c, value_at(i));
      one(d, value_at(i));
    }
  };
  if (values.uniform()) {
    by_four([all = values.all()](std::size_t) { return all; });
  } else {
    by_four([each = values.each()](std::size_t at) { return each[at]; });
  }
  checked_tail();
  good = i == count;
  std::uint32_t removed = 0;
  for (std::size_t at = 0; at < i; ++at) {
    removed |= static_cast<std::uint32_t>(undo[at] == kRemovedScore);
  }
  good &= removed == 0;
  return i;
}

/// Takes back what `apply_logged` did, last first, so that an id given twice ends as it began.
inline void undo_changes(ScoreTable& table, std::span<const std::int64_t> ids,
                         const float* undo) noexcept {
  for (std::size_t i = ids.size(); i-- > 0;) {
    const auto id = static_cast<std::uint64_t>(ids[i]);
    if (id < table.size()) table.scores()[id] = undo[i];
  }
}

}  // namespace socbi
