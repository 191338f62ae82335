// The updating calls of an index: how a batch of adds or sets is applied.
//
// - Alone on the calling thread: apply, and take back if an id turns out bad. The fastest, and what
//   nearly every call is.
// - Alone with workers: check, divide by cache line, plain writes.
// - Beside other calls: check, then atomic updates and the hand-off protocol.
//
// A call gives way at every block and goes on in the way that then fits; once the whole batch is
// checked nothing can fail, and a sample removed meanwhile is passed over. Thread safety: `add` and
// `set` enter the gate themselves; `tell_alone` and `replaced` need it held alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "socbi/access_gate.hpp"
#include "socbi/batch.hpp"
#include "socbi/batch_split.hpp"
#include "socbi/errors.hpp"
#include "socbi/fetch_choice.hpp"
#include "socbi/ordering.hpp"
#include "socbi/prefetch.hpp"
#include "socbi/score.hpp"
#include "socbi/score_range.hpp"
#include "socbi/score_table.hpp"
#include "socbi/tuning.hpp"
#include "socbi/turn.hpp"
#include "socbi/worker_pool.hpp"

namespace socbi {

template <Ordering Order>
class BatchUpdater {
 public:
  using Ids = std::span<const std::int64_t>;

  /// `sign` is -1 where the largest are asked for; `threads` and `cores` are at least 1.
  BatchUpdater(AccessGate& gate, ScoreTable& table, Order& ordering, float sign, unsigned threads,
               unsigned cores)
      : gate_(gate),
        table_(table),
        ordering_(ordering),
        sign_(sign),
        threads_(threads),
        cores_(cores) {}

  /// Adds a value to each id's score. `threads` 0 means the index's own number.
  void add(Ids ids, Values given, unsigned threads) {
    if (ids.empty()) return;
    const OwnValues own(given, ids.size());
    const ValueFacts& facts = own.facts();
    const double growth = double{facts.largest} * static_cast<double>(ids.size());
    ScoreRange::Announced announced(range_, growth, facts.whole);
    if (announced.may_overflow()) return add_watching_overflow(ids, own.values(), announced);
    const bool towards = sign_ > 0 ? facts.negative : facts.positive;
    update(ids, own.values(), Adding{sign_}, towards, threads, announced);
  }

  /// Replaces each id's score.
  void set(Ids ids, Values given, unsigned threads) {
    if (ids.empty()) return;
    const OwnValues own(given, ids.size());
    ScoreRange::Announced announced(range_, own.facts().largest, own.facts().whole);
    update(ids, own.values(), Setting{sign_}, true, threads, announced);
  }

  /// Samples id_at(0) to id_at(count - 1) have joined the pool or changed; the gate is held alone.
  template <class IdAt>
  void tell_alone(std::size_t count, IdAt id_at) noexcept {
    typename Order::Scratch scratch{.alone = true};
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = static_cast<std::uint64_t>(id_at(i));
      if (id < table_.size()) ordering_.settle(static_cast<Id>(id), table_.scores()[id], scratch);
    }
    ordering_.deliver(scratch);
    if (ordering_.wants_upkeep()) ordering_.upkeep();
  }

  /// What the scores can have come to; whoever changes them otherwise keeps it up.
  [[nodiscard]] ScoreRange& range() noexcept { return range_; }

  /// Updates applied so far.
  [[nodiscard]] std::uint64_t updates() const noexcept { return updates_.load(); }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return undo_size_ * sizeof(float) + kept_.capacity() * sizeof(std::int64_t) + split_.nbytes();
  }

 private:
  template <class Change>
  void update(Ids ids, Values values, Change change, bool towards, unsigned threads,
              ScoreRange::Announced& announced) {
    Turn turn(gate_);
    if (!ordering_.ready()) {
      turn.insist();
      ordering_.prepare();
    }
    const unsigned workers = worthwhile_workers(ids.size(), threads, must_tell(towards));
    std::size_t done = 0;
    if (turn.alone() && workers == 1) {
      // What the ordering is told must be what was changed: then the ids are kept, since the caller
      // may change his under us.
      const Ids kept = must_tell(towards) ? keep(ids) : ids;
      done = update_undoable(kept, values, change, towards, turn, announced);
      if (done == ids.size()) return;
    } else {
      require_in_pool_by(workers, ids);
    }
    // From here on nothing can fail: a sample removed meanwhile is passed over.
    while (done < ids.size()) {
      const std::size_t block =
          std::min(ids.size() - done,
                   turn.alone() && workers > 1 ? tuning::kParallelBlockIds : tuning::kBlockIds);
      const Ids part = ids.subspan(done, block);
      const Values part_values = slice(values, done, block);
      if (!turn.alone()) {
        update_shared(part, part_values, change, towards);
      } else if (workers == 1 || !update_by_crew(part, part_values, change, towards, workers)) {
        update_alone(part, part_values, change, towards);
      }
      done += block;
      finish_block(block, towards, turn);
      if (done < ids.size()) turn.give_way();
    }
  }

  /// Applies the batch alone and undoes it if an id turns out bad. Stops early, with the rest
  /// checked, if others wait; returns how many were done.
  template <class Change>
  std::size_t update_undoable(Ids ids, Values values, Change change, bool towards, Turn& turn,
                              ScoreRange::Announced& announced) {
    const bool exact = std::is_same_v<Change, Adding> && values.uniform() && is_exact(announced);
    float* const undo = exact ? nullptr : undo_log(ids.size());
    const float delta = change(0.0F, values[0]);
    const auto apply = [&](std::size_t begin, Ids part, bool& good) {
      const Values part_values = slice(values, begin, part.size());
      return fetch_choice_.run(part.size(), [&](bool ahead) {
        if (exact && ahead) return add_exactly<true>(table_, part, delta, good);
        if (exact) return add_exactly<false>(table_, part, delta, good);
        if (ahead) return apply_logged<true>(table_, part, part_values, change, undo + begin, good);
        return apply_logged<false>(table_, part, part_values, change, undo + begin, good);
      });
    };
    std::size_t done = 0;
    bool good = true;
    while (good && done < ids.size()) {
      const std::size_t block = std::min(tuning::kBlockIds, ids.size() - done);
      done += apply(done, ids.subspan(done, block), good);
      if (good && turn.contended()) break;
    }
    try {
      if (!good) {
        require_in_pool(table_, ids);
        throw std::invalid_argument("the ids were changed by another thread during the call");
      }
      if (done < ids.size()) require_in_pool(table_, ids.subspan(done), done);
    } catch (...) {
      undo_and_tell([&](const auto& after) {
        exact ? take_back(table_, ids.first(done), delta, after)
              : undo_changes(table_, ids.first(done), undo, after);
      });
      drop_large_room();
      throw;
    }
    if (must_tell(towards)) tell_alone(done, [ids](std::size_t i) { return ids[i]; });
    drop_large_room();
    finish_block(done, towards, turn);
    if (done < ids.size()) turn.give_way();
    return done;
  }

  /// Runs an undoing that reports each id. The ordering was told nothing and need be told nothing,
  /// unless the ids are no longer those that were applied: so it is told of what was undone, where
  /// that can matter to it.
  template <class Undo>
  void undo_and_tell(Undo undo) noexcept {
    typename Order::Scratch scratch{.alone = true};
    const bool listens = ordering_.notice() != Notice::kNone;
    undo([&](Id id) {
      if (listens) ordering_.settle(id, table_.scores()[id], scratch);
    });
    ordering_.deliver(scratch);
  }

  /// Can additions be undone by subtracting? If only a look at the scores can tell, looks, but no
  /// more often than as many updates have paid for it.
  [[nodiscard]] bool is_exact(ScoreRange::Announced& announced) {
    if (announced.worth_a_look() && updates_.load() - looked_at_ >= table_.size()) {
      looked_at_ = updates_.load();
      announced.look_at({table_.scores(), table_.size()});
    }
    return announced.exact();
  }

  [[nodiscard]] bool must_tell(bool towards) const noexcept {
    const Notice notice = ordering_.notice();
    return notice == Notice::kEvery || (notice == Notice::kTowards && towards);
  }

  template <class Change>
  void update_alone(Ids ids, Values values, Change change, bool towards) {
    const bool tell = must_tell(towards);
    typename Order::Scratch scratch{.alone = true};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= table_.size()) continue;
      const float now = change(table_.scores()[id], values[i]);
      table_.scores()[id] = now;
      if (tell) ordering_.settle(static_cast<Id>(id), now, scratch);
    }
    ordering_.deliver(scratch);
  }

  /// Beside other calls: atomic updates, and the hand-off protocol where a sample must move.
  template <class Change>
  void update_shared(Ids ids, Values values, Change change, bool towards) {
    const bool tell = must_tell(towards);
    const bool every = ordering_.notice() == Notice::kEvery;
    const std::uint64_t size = table_.size();
    typename Order::Scratch scratch;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + tuning::kAtomicFetchDistance < ids.size()) {
        fetch_ahead(table_.scores() +
                    static_cast<std::uint32_t>(ids[i + tuning::kAtomicFetchDistance]));
      }
      const auto id = static_cast<std::uint64_t>(ids[i]);
      if (id >= size) continue;
      const float value = change(0.0F, values[i]);
      const float was = Change::shared(table_.score(static_cast<Id>(id)), value);
      if (!tell || was == kRemovedScore) continue;
      const float now = change(was, values[i]);
      if (every || now < was) ordering_.settle_shared(static_cast<Id>(id), now, scratch);
    }
    ordering_.deliver(scratch);
  }

  /// Alone, with workers of our own. False if none could be started or memory is short.
  template <class Change>
  bool update_by_crew(Ids ids, Values values, Change change, bool towards, unsigned workers) {
    WorkerPool::Crew crew = workers_.try_hire(workers);
    if (!crew || crew.size() == 1) return false;
    const unsigned parts = crew.size();
    std::optional<std::barrier<>> all_divided;
    try {
      split_.reserve(ids.size(), parts, values.uniform());
      all_divided.emplace(static_cast<std::ptrdiff_t>(parts));
    } catch (const std::bad_alloc&) {
      return false;
    }
    const bool tell = must_tell(towards);
    crew.run([&](unsigned worker) {
      split_.divide(ids, values, table_.size(), worker, parts);
      all_divided->arrive_and_wait();
      typename Order::Scratch scratch;
      split_.for_own(worker, parts, values, [&](Id id, float value) {
        const float now = change(table_.scores()[id], value);
        table_.scores()[id] = now;
        if (tell) ordering_.settle(id, now, scratch);
      });
      ordering_.deliver(scratch);
    });
    return true;
  }

  void finish_block(std::size_t count, bool towards, Turn& turn) {
    updates_.fetch_add(count);
    ordering_.count_updates(count, towards);
    if (!ordering_.wants_upkeep()) return;
    turn.insist();
    ordering_.upkeep();
  }

  /// Adds with a look at every sum; only reached when sums near the end of float's range.
  void add_watching_overflow(Ids given, Values values, ScoreRange::Announced& announced) {
    const Alone alone(gate_);
    const Ids ids = keep(given);
    require_in_pool(table_, ids);
    float* const undo = undo_log(ids.size());
    bool good = true;
    apply_logged<false>(table_, ids, values, Adding{sign_}, undo, good);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (std::isfinite(table_.scores()[ids[i]])) continue;
      undo_changes(table_, ids, undo, [](Id) {});
      const std::int64_t id = ids[i];
      drop_large_room();
      throw ScoreOverflow(i, id);
    }
    updates_.fetch_add(ids.size());
    ordering_.count_updates(ids.size(), true);
    if (must_tell(true)) tell_alone(ids.size(), [ids](std::size_t i) { return ids[i]; });
    announced.look_at({table_.scores(), table_.size()});
    drop_large_room();
  }

  /// How many threads the batch gains from; 1 is the calling thread alone.
  [[nodiscard]] unsigned worthwhile_workers(std::size_t count, unsigned threads,
                                            bool moving) const noexcept {
    const std::size_t most = std::min(threads == 0 ? threads_ : threads, cores_);
    const std::size_t each = moving ? tuning::kMovesPerWorker : tuning::kIdsPerWorker;
    const std::size_t least = moving ? 2 : tuning::kWorkersThatPay;
    const std::size_t workers = std::min(most, count / each);
    return workers < least ? 1U : static_cast<unsigned>(workers);
  }

  void require_in_pool_by(unsigned workers, Ids ids) {
    if (workers > 1) {
      if (WorkerPool::Crew crew = workers_.try_hire(workers); crew && crew.size() > 1) {
        std::atomic<bool> good{true};
        const unsigned parts = crew.size();
        crew.run([&](unsigned worker) {
          const std::size_t begin = ids.size() * worker / parts;
          const std::size_t end = ids.size() * (worker + 1) / parts;
          if (!all_in_pool(table_, ids.subspan(begin, end - begin))) good.store(false);
        });
        if (good.load()) return;
      }
    }
    require_in_pool(table_, ids);  // by one, so that the first offender is the one named
  }

  /// A copy of the caller's ids, which he cannot change; good until the next call of this.
  [[nodiscard]] Ids keep(Ids ids) {
    kept_.assign(ids.begin(), ids.end());
    return kept_;
  }

  /// Room to keep `count` scores as they were; the gate is held alone. Kept for the next call.
  float* undo_log(std::size_t count) {
    if (count > undo_size_) {
      undo_.reset();
      undo_size_ = 0;
      undo_ = std::make_unique_for_overwrite<float[]>(count);
      undo_size_ = count;
    }
    return undo_.get();
  }

  /// Room is kept for the next call up to 5 bytes a sample, so that the index as a whole stays
  /// within its 14; more is given back.
  void drop_large_room() noexcept {
    if (undo_size_ > table_.size() + tuning::kBlockIds) {
      undo_.reset();
      undo_size_ = 0;
    }
    if (kept_.capacity() > table_.size() / 8 + tuning::kBlockIds) {
      std::vector<std::int64_t>().swap(kept_);
    }
  }

  static Values slice(Values values, std::size_t begin, std::size_t count) {
    if (values.uniform()) return values;
    return Values(std::span(values.each() + begin, count));
  }

  AccessGate& gate_;
  ScoreTable& table_;
  Order& ordering_;
  const float sign_;
  const unsigned threads_;
  const unsigned cores_;
  WorkerPool workers_;
  ScoreRange range_;
  std::atomic<std::uint64_t> updates_{0};

  // Guarded by the gate, held alone:
  FetchChoice fetch_choice_;
  std::uint64_t looked_at_ = 0;  // updates_ when the scores were last looked at for their range
  std::unique_ptr<float[]> undo_;
  std::size_t undo_size_ = 0;
  std::vector<std::int64_t> kept_;
  BatchSplit split_;
};

}  // namespace socbi
