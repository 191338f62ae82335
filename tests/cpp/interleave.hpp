// Runs every interleaving of a few short threads, so that a protocol is checked and not sampled.
//
// Promises:
// - Each atomic operation is one step; every order of the steps of all threads is tried, less the
//   orders that only lead to a state seen before. Same program, same run: nothing is random.
// - A failed `expect`, at a step or at the end, and a deadlock are violations. The first one found
//   ends the run and comes with the steps that lead to it.
// - Sleep is modelled as std::atomic has it: `wait` goes to sleep on the old value and only a
//   notify wakes it, so a forgotten or too early notify shows up as a deadlock.
// - Stores weaker than sequentially consistent wait in their thread's store buffer (first in, first
//   out) and reach the memory by a step of their own; its own loads see them at once;
//   read-modify-write, notify and sequentially consistent stores empty the buffer first.
//   That is total store order, what x86-64 does.
//
// How: a thread's body is a function of what its operations returned. To take a step, the body runs
// again from its start, is given the logged results, performs one new operation, and is left (by
// longjmp) where it asks for the next. So a state is plain data - memory, logs, store buffers - and
// a depth-first search goes back by copying it, without a stack a thread.
//
// Caveats:
// - What the threads share must be Cells and Atomics: a body's other side effects happen many
//   times. Its locals must be trivially destructible, because longjmp runs no destructor.
// - Loads are never stale beyond the store buffers, so reorderings that only weaker machines make
//   are not seen. Compare-exchange never fails without cause, wait never wakes without cause.
// - States are told apart by a 64-bit hash; among a million, one is missed with chance 3e-8.
// - About 4 million steps a second and 50 bytes a state at -O2. One explorer runs at a time.
//
//   model::Explorer explorer;
//   model::Cell<int> sum("sum", 0);
//   const auto add_one = [&] {
//     model::Ref<int> shared(sum);
//     shared.store(shared.load() + 1);
//   };
//   explorer.thread("A", add_one);
//   explorer.thread("B", add_one);
//   explorer.at_end([&] { model::expect(sum.get() == 2, "an addition was lost"); });
//   const model::Report report = explorer.explore();  // finds it: report.text() has the steps
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace model {

/// Every value travels as 64 bits: memory, logs and hashes need not know its type.
using Word = std::uint64_t;

template <class T>
[[nodiscard]] Word to_word(T value) noexcept {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Word),
                "a cell holds one trivially copyable value of at most 8 bytes");
  Word word = 0;
  std::memcpy(&word, &value, sizeof(T));
  return word;
}

template <class T>
[[nodiscard]] T from_word(Word word) noexcept {
  T value{};
  std::memcpy(&value, &word, sizeof(T));
  return value;
}

/// What a run found.
struct Report {
  std::size_t states = 0;             // distinct states reached
  std::size_t steps = 0;              // steps taken from them, those back into seen states too
  std::size_t ends = 0;               // distinct states with every thread finished
  std::string violation;              // empty: none
  std::vector<std::string> schedule;  // the steps that lead to the violation
  std::set<std::string_view> seen;    // what `witness` was called with

  [[nodiscard]] bool holds() const { return violation.empty(); }

  [[nodiscard]] std::string text() const {
    std::string lines = holds() ? "holds in every interleaving" : violation + ", after";
    for (const std::string& step : schedule) lines += "\n  " + step;
    return lines;
  }
};

class Explorer {
 public:
  using Print = std::function<std::string(Word)>;

  Explorer() : outer_(std::exchange(current_, this)) {}
  ~Explorer() { current_ = outer_; }
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  void thread(std::string name, std::function<void()> body) {
    if (threads_.size() == kMostThreads) throw std::length_error("model: too many threads");
    threads_.push_back({std::move(name), std::move(body)});
  }

  /// Runs whenever all threads have finished; reads the cells and calls `expect`.
  void at_end(std::function<void()> check) { check_ = std::move(check); }

  /// Names the cells that have no name of their own (an Atomic's), oldest first.
  void name_cells(std::initializer_list<const char*> names) {
    const char* const* name = names.begin();
    for (CellInfo& cell : cells_) {
      if (cell.name.empty() && name != names.end()) cell.name = *name++;
    }
  }

  /// Starts from what the cells hold now and leaves them so.
  Report explore() {
    report_ = {};
    seen_.clear();
    trace_.clear();
    logs_.assign(threads_.size(), {});
    for (unsigned thread = 0; thread < threads_.size(); ++thread) {
      state_.threads[thread] = {};
      state_.threads[thread].history = hash(kSeed, thread);
    }
    const auto memory = state_.memory;
    for (unsigned thread = 0; thread < threads_.size(); ++thread) run(thread, /*may_step=*/false);
    visit();
    state_.memory = memory;
    return std::move(report_);
  }

 private:
  template <class T>
  friend class Cell;
  template <class T>
  friend class Operations;
  friend void pause();
  friend void expect(bool holds, const char* otherwise);
  friend void witness(std::string_view what);
  template <class... Values>
  friend void only_these_matter(Values... values);

  static constexpr std::size_t kMostThreads = 4;
  static constexpr std::size_t kMostCells = 16;
  static constexpr std::size_t kMostBuffered = 4;
  static constexpr std::size_t kMostSteps = 2000;  // a longer schedule is taken for an endless one
  static constexpr unsigned kNobody = ~0U;
  static constexpr Word kSeed = 0x6A09E667F3BCC909ULL;

  enum class Kind : std::uint8_t {
    kLoad,
    kStore,
    kBufferedStore,
    kFlush,
    kModify,
    kCompareExchange,
    kWait,
    kNotify,
    kPause,
    kPlainLoad,   // the plain ones are no steps of their own: they
    kPlainStore,  // happen together with the step before them
  };

  struct Operation {
    Kind kind = Kind::kPause;
    unsigned cell = 0;
    Word operand = 0;
    Word expected = 0;
    Word (*combine)(Word, Word) = nullptr;
  };

  struct BufferedStore {
    unsigned cell = 0;
    Word value = 0;
  };

  struct ThreadState {
    Operation next;  // what it does when it is scheduled
    bool finished = false;
    bool asleep = false;
    std::size_t logged = 0;  // how much of logs_[thread] belongs to this state
    Word history = 0;        // hash of what it logged: with the body, all it knows
    std::size_t buffered = 0;
    std::array<BufferedStore, kMostBuffered> buffer{};
  };

  struct State {
    std::array<Word, kMostCells> memory{};
    std::array<ThreadState, kMostThreads> threads{};
  };

  struct ThreadInfo {
    std::string name;
    std::function<void()> body;
  };

  struct CellInfo {
    std::string name;
    Print print;
  };

  struct TraceStep {
    unsigned thread;
    Operation operation;
    Word result;
  };

  static Explorer& current() {
    if (current_ == nullptr) throw std::logic_error("model: make the Explorer before its cells");
    return *current_;
  }

  static Word hash(Word seed, Word value) noexcept {
    seed = (seed ^ value) * 0x9E3779B97F4A7C15ULL;
    return seed ^ (seed >> 29);
  }

  unsigned add_cell(std::string name, Word initial, Print print) {
    if (cells_.size() == kMostCells) throw std::length_error("model: too many cells");
    state_.memory[cells_.size()] = initial;
    cells_.push_back({std::move(name), std::move(print)});
    return static_cast<unsigned>(cells_.size() - 1);
  }

  // --- the search ------------------------------------------------------------------------------

  void visit() {
    if (!report_.holds() || !seen_.insert(hash_of_state()).second) return;
    ++report_.states;
    if (trace_.size() > kMostSteps) return fail("no end in sight: a thread seems to spin");
    const State here = state_;
    const std::size_t depth = trace_.size();
    const auto go_back = [&] {
      state_ = here;
      trace_.resize(depth);
      for (std::size_t thread = 0; thread < threads_.size(); ++thread) {
        logs_[thread].resize(here.threads[thread].logged);
      }
    };
    bool stuck = true;
    for (unsigned thread = 0; thread < threads_.size(); ++thread) {
      const ThreadState& at = here.threads[thread];
      if (!at.finished && !at.asleep) {
        stuck = false;
        ++report_.steps;
        run(thread, /*may_step=*/true);
        visit();
        go_back();
      }
      if (at.buffered != 0) {
        stuck = false;
        ++report_.steps;
        flush_oldest(thread);
        visit();
        go_back();
      }
    }
    if (stuck) end_here();
  }

  void end_here() {
    for (std::size_t thread = 0; thread < threads_.size(); ++thread) {
      if (!state_.threads[thread].finished) return fail("deadlock: all that are left are asleep");
    }
    ++report_.ends;
    if (check_) check_();
  }

  [[nodiscard]] Word hash_of_state() const noexcept {
    Word sum = kSeed;
    for (std::size_t cell = 0; cell < cells_.size(); ++cell) sum = hash(sum, state_.memory[cell]);
    for (std::size_t thread = 0; thread < threads_.size(); ++thread) {
      const ThreadState& at = state_.threads[thread];
      sum = hash(sum, at.history);
      sum = hash(sum, (Word{at.finished} << 1) | Word{at.asleep});
      sum = hash(sum, (Word{at.next.cell} << 8) | static_cast<Word>(at.next.kind));
      sum = hash(sum, at.buffered);
      for (std::size_t i = 0; i < at.buffered; ++i) {
        sum = hash(hash(sum, at.buffer[i].cell), at.buffer[i].value);
      }
    }
    return sum;
  }

  // --- one step of one thread ------------------------------------------------------------------

  void run(unsigned thread, bool may_step) {
    running_ = thread;
    replayed_ = 0;
    may_step_ = may_step;
    // Comes back a second time, with 1, when the body asks for an operation it may not do yet.
    if (setjmp(parked_) == 0) run_body();
    running_ = kNobody;
  }

  // Out of line, so that the function that calls setjmp has no locals that longjmp could spoil.
  [[gnu::noinline]] void run_body() {
    threads_[running_].body();
    state_.threads[running_].finished = true;
  }

  [[noreturn]] void park() { std::longjmp(parked_, 1); }

  Word operate(const Operation& operation) {
    if (running_ == kNobody) return operate_outside(operation);
    std::vector<Word>& log = logs_[running_];
    if (replayed_ < log.size()) return log[replayed_++];
    ThreadState& at = state_.threads[running_];
    const bool plain = operation.kind == Kind::kPlainLoad || operation.kind == Kind::kPlainStore;
    if (!plain && !std::exchange(may_step_, false)) {
      at.next = operation;
      park();
    }
    const Word result = apply(operation, at);
    if (!plain) trace_.push_back({running_, operation, result});
    if (at.asleep) park();
    log.push_back(result);
    at.logged = ++replayed_;
    at.history = hash(at.history, result);
    return result;
  }

  /// Before the run and in `at_end`: there is nobody to interleave with.
  Word operate_outside(const Operation& operation) {
    ThreadState outside;
    const Word result = apply(operation, outside);
    if (outside.asleep) throw std::logic_error("model: a wait outside the threads never ends");
    for (std::size_t i = 0; i < outside.buffered; ++i) {
      state_.memory[outside.buffer[i].cell] = outside.buffer[i].value;
    }
    return result;
  }

  /// Does it; returns what the cell held as this thread saw it before.
  Word apply(const Operation& operation, ThreadState& at) {
    const unsigned cell = operation.cell;
    switch (operation.kind) {
      case Kind::kLoad:
        return seen_by(at, cell);
      case Kind::kPause:
      case Kind::kFlush:
        return 0;
      case Kind::kPlainLoad:
        return state_.memory[cell];
      case Kind::kPlainStore:
        return std::exchange(state_.memory[cell], operation.operand);
      case Kind::kBufferedStore:
        if (at.buffered == kMostBuffered) throw std::length_error("model: store buffer full");
        at.buffer[at.buffered++] = {cell, operation.operand};
        return 0;
      case Kind::kWait: {
        const Word value = seen_by(at, cell);
        at.asleep = value == operation.expected;
        if (at.asleep) at.next = operation;
        return value;
      }
      case Kind::kStore:
        drain(at);
        state_.memory[cell] = operation.operand;
        return 0;
      case Kind::kModify:
        drain(at);
        return std::exchange(state_.memory[cell],
                             operation.combine(state_.memory[cell], operation.operand));
      case Kind::kCompareExchange: {
        drain(at);
        const Word was = state_.memory[cell];
        if (was == operation.expected) state_.memory[cell] = operation.operand;
        return was;
      }
      case Kind::kNotify:
        // The standard has a notify wake whoever waits for a store sequenced before it.
        drain(at);
        for (ThreadState& other : state_.threads) {
          if (other.asleep && other.next.cell == cell) other.asleep = false;
        }
        return 0;
    }
    return 0;
  }

  [[nodiscard]] Word seen_by(const ThreadState& at, unsigned cell) const noexcept {
    for (std::size_t i = at.buffered; i-- > 0;) {
      if (at.buffer[i].cell == cell) return at.buffer[i].value;
    }
    return state_.memory[cell];
  }

  void drain(ThreadState& at) noexcept {
    for (std::size_t i = 0; i < at.buffered; ++i) {
      state_.memory[at.buffer[i].cell] = at.buffer[i].value;
    }
    at.buffered = 0;
  }

  void flush_oldest(unsigned thread) {
    ThreadState& at = state_.threads[thread];
    const BufferedStore oldest = at.buffer[0];
    std::copy(at.buffer.begin() + 1, at.buffer.end(), at.buffer.begin());
    at.buffer[--at.buffered] = {};
    state_.memory[oldest.cell] = oldest.value;
    trace_.push_back({thread, {Kind::kFlush, oldest.cell, oldest.value, 0, nullptr}, 0});
  }

  // --- what the caller is told -----------------------------------------------------------------

  void fail(std::string message) {
    report_.violation = std::move(message);
    for (const TraceStep& step : trace_) report_.schedule.push_back(text(step));
    if (running_ != kNobody) park();
  }

  [[nodiscard]] std::string text(const TraceStep& step) const {
    const Operation& operation = step.operation;
    const CellInfo& cell = cells_[operation.cell];
    const auto name = cell.name.empty() ? "cell " + std::to_string(operation.cell) : cell.name;
    const auto print = [&](Word value) { return cell.print(value); };
    const std::string who = threads_[step.thread].name + ": ";
    switch (operation.kind) {
      case Kind::kLoad:
        return who + name + " load " + print(step.result);
      case Kind::kStore:
        return who + name + " store " + print(operation.operand);
      case Kind::kBufferedStore:
        return who + name + " store " + print(operation.operand) + " (into its buffer)";
      case Kind::kFlush:
        return who + name + " store " + print(operation.operand) + " leaves the buffer";
      case Kind::kModify:
        return who + name + " RMW " + print(step.result) + "->" +
               print(operation.combine(step.result, operation.operand));
      case Kind::kCompareExchange:
        return who + name + " CAS " + print(operation.expected) + "->" + print(operation.operand) +
               (step.result == operation.expected ? "" : " fails: " + print(step.result));
      case Kind::kWait:
        return who + name + " wait while " + print(operation.expected) +
               (step.result == operation.expected ? ": sleeps" : ": is " + print(step.result));
      case Kind::kNotify:
        return who + name + " notify all";
      case Kind::kPause:
        return who + "pause";
      case Kind::kPlainLoad:
      case Kind::kPlainStore:
        break;
    }
    return who + name + " plain";
  }

  inline static Explorer* current_ = nullptr;

  Explorer* outer_;
  std::vector<ThreadInfo> threads_;
  std::vector<CellInfo> cells_;
  std::function<void()> check_;

  State state_;
  std::vector<std::vector<Word>> logs_;  // per thread: what each of its operations returned
  std::vector<TraceStep> trace_;         // the steps from the start to state_
  std::unordered_set<Word> seen_;
  Report report_;

  unsigned running_ = kNobody;
  std::size_t replayed_ = 0;  // how much of its log the running body was given
  bool may_step_ = false;     // whether the running body may do one more operation
  std::jmp_buf parked_{};
};

/// A scheduling point that does nothing: a place for others to step in.
inline void pause() {
  Explorer::current().operate({});
}

/// Anything else than true is a violation and ends the run.
inline void expect(bool holds, const char* otherwise) {
  if (!holds && Explorer::current().report_.holds()) Explorer::current().fail(otherwise);
}

/// Notes that this was reached, so that a test can tell that it tested something.
inline void witness(std::string_view what) {
  Explorer::current().report_.seen.insert(what);
}

/// Says that what the running thread does from here on depends on these values only, not on the
/// rest of what it has read: states that differ in the rest become one. A wrong claim hides states.
template <class... Values>
void only_these_matter(Values... values) {
  Explorer& explorer = Explorer::current();
  const unsigned thread = explorer.running_;
  if (explorer.replayed_ != explorer.logs_[thread].size()) return;
  Word history = Explorer::hash(Explorer::kSeed, ~Word{thread});
  ((history = Explorer::hash(history, to_word(values))), ...);
  explorer.state_.threads[thread].history = history;
}

/// A shared variable. `get` and `set` are plain accesses and no scheduling points: right for what
/// the test itself keeps book of, and for reading the outcome.
template <class T>
class Cell {
 public:
  Cell(std::string name, T initial, std::string (*print)(T) = &plain_text)
      : index_(Explorer::current().add_cell(std::move(name), to_word(initial), [print](Word word) {
          return print(from_word<T>(word));
        })) {}
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  [[nodiscard]] T get() const {
    return from_word<T>(
        Explorer::current().operate({Explorer::Kind::kPlainLoad, index_, 0, 0, nullptr}));
  }

  void set(T value) {
    Explorer::current().operate({Explorer::Kind::kPlainStore, index_, to_word(value), 0, nullptr});
  }

  [[nodiscard]] unsigned index() const noexcept { return index_; }

 private:
  static std::string plain_text(T value) {
    std::ostringstream text;
    text << +value;
    return text.str();
  }

  unsigned index_;
};

/// What std::atomic and std::atomic_ref have in common; every call is one scheduling point.
template <class T>
class Operations {
 public:
  using value_type = T;

  T load(std::memory_order = std::memory_order_seq_cst) const {
    return operate(Explorer::Kind::kLoad);
  }

  void store(T value, std::memory_order order = std::memory_order_seq_cst) const {
    operate(order == std::memory_order_seq_cst ? Explorer::Kind::kStore
                                               : Explorer::Kind::kBufferedStore,
            to_word(value));
  }

  T exchange(T value, std::memory_order = std::memory_order_seq_cst) const {
    return operate(Explorer::Kind::kModify, to_word(value), 0, [](Word, Word now) { return now; });
  }

  T fetch_add(T delta, std::memory_order = std::memory_order_seq_cst) const {
    return operate(Explorer::Kind::kModify, to_word(delta), 0, [](Word was, Word by) {
      return to_word(static_cast<T>(from_word<T>(was) + from_word<T>(by)));
    });
  }

  T fetch_sub(T delta, std::memory_order = std::memory_order_seq_cst) const {
    return operate(Explorer::Kind::kModify, to_word(delta), 0, [](Word was, Word by) {
      return to_word(static_cast<T>(from_word<T>(was) - from_word<T>(by)));
    });
  }

  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) const {
    const T was = operate(Explorer::Kind::kCompareExchange, to_word(desired), to_word(expected));
    if (to_word(was) == to_word(expected)) return true;
    expected = was;
    return false;
  }

  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order success = std::memory_order_seq_cst,
                             std::memory_order failure = std::memory_order_seq_cst) const {
    return compare_exchange_strong(expected, desired, success, failure);
  }

  void wait(T old, std::memory_order = std::memory_order_seq_cst) const {
    operate(Explorer::Kind::kWait, 0, to_word(old));
  }

  void notify_all() const { operate(Explorer::Kind::kNotify); }

 protected:
  explicit Operations(unsigned cell) : cell_(cell) {}

 private:
  T operate(Explorer::Kind kind, Word operand = 0, Word expected = 0,
            Word (*combine)(Word, Word) = nullptr) const {
    return from_word<T>(Explorer::current().operate({kind, cell_, operand, expected, combine}));
  }

  unsigned cell_;
};

/// Stands for std::atomic_ref: copies refer to the same cell.
template <class T>
class Ref : public Operations<T> {
 public:
  explicit Ref(const Cell<T>& cell) : Operations<T>(cell.index()) {}
};

/// Stands for std::atomic.
template <class T>
class Atomic : private Cell<T>, public Operations<T> {
 public:
  Atomic(T initial) : Cell<T>({}, initial), Operations<T>(Cell<T>::index()) {}
};

}  // namespace model
