/*
 * The one global of the viewer, and the types that its modules share. Classic scripts, loaded in
 * the order of index.html: modules and workers by URL do not load from file://.
 */
var waitscope = waitscope || {};

/**
 * Intervals one behind the other: interval i lasts from t[i] to t[i + 1]. The low four bits of
 * cat[i] are its category (model.CATEGORIES), the high four the thread's state below it, which
 * differs for idle waits only. sums holds, for every 64th interval, the time per category before
 * it, k numbers, and its begin. So the exact time per category between any two moments costs two
 * look-ups.
 * @typedef {object} Track
 * @property {number} n
 * @property {number} k
 * @property {Float64Array} t
 * @property {Uint8Array} cat
 * @property {Float64Array} sums
 */

/**
 * Whole numbers, in whatever width holds them.
 * @typedef {Uint8Array | Uint16Array | Uint32Array} Numbers
 */

/**
 * What a thread waited in; one entry a wait, in order. base[c] is the number of waits before
 * interval 64 c.
 * @typedef {object} Waits
 * @property {Uint32Array} base
 * @property {Numbers} call string index, 0: none
 * @property {Numbers} object index + 1
 * @property {Numbers | Int8Array | Int16Array | Int32Array} fd -1: none
 * @property {Numbers} waker tid, 0: not known
 * @property {Numbers} arg
 * @property {Uint8Array} flags
 */

/**
 * @typedef {object} Requests
 * @property {number} n
 * @property {Float64Array} id
 * @property {Uint32Array} process
 * @property {Uint32Array} conn
 * @property {Uint32Array} protocol
 * @property {Uint32Array} name
 * @property {Uint32Array} group
 * @property {Int32Array} status
 * @property {Float64Array} start
 * @property {Float64Array} latency
 * @property {Float64Array} bytesIn
 * @property {Float64Array} bytesOut
 * @property {Uint8Array} flags
 * @property {Float64Array} parallel
 * @property {Float64Array[]} ledger by the header's keys
 * @property {Float64Array} ledgerSum of each of these
 * @property {Float64Array[]} grade by the header's grades
 * @property {Uint32Array} segFirst n + 1 numbers
 * @property {Float64Array} segStart
 * @property {Uint8Array} segCat category
 * @property {Uint8Array} segGrade
 * @property {Uint32Array} segThread index + 1
 * @property {Uint32Array} segRequest
 * @property {Uint32Array} heldFirst per thread: where its segments begin in heldSeg
 * @property {Uint32Array} heldSeg segments that a thread held, by thread and time
 */

/**
 * @typedef {object} Objects
 * @property {number} n
 * @property {Uint8Array} kind
 * @property {Uint32Array} name
 * @property {Uint32Array} local
 * @property {Uint32Array} remote
 * @property {Uint8Array} deleted
 */

/**
 * @typedef {object} Holds
 * @property {number} n
 * @property {Uint32Array} thread
 * @property {Uint32Array} request index + 1
 * @property {Uint8Array} state category
 * @property {Uint32Array} call
 * @property {Uint32Array} object index + 1
 * @property {Float64Array} start
 * @property {Float64Array} dur
 * @property {Uint32Array} victimFirst n + 1 numbers
 * @property {Uint32Array} victim request indices
 * @property {Float64Array} lost by each; 0: the file does not say
 * @property {Uint32Array} more victims that the file does not list
 */

/**
 * @typedef {object} Asks questions to other servers, by request
 * @property {Float64Array} request index + 1; 0: nobody's
 * @property {Float64Array} object index
 * @property {Float64Array} start
 * @property {Float64Array} made since `start`: a new connection was there
 * @property {Float64Array} asked since `start`: and used
 * @property {Float64Array} dur
 */

/**
 * Rows of requests, packed like a waterfall: row r has intervals off[r] … off[r + 1], its times
 * begin at off[r] + r, its sums at sumOff[r]. ref is the segment of an interval, -1 in a gap.
 * @typedef {object} Pack
 * @property {number} rows
 * @property {Uint32Array} process of each row
 * @property {Uint32Array} section of each row
 * @property {Sections | null} sections what the rows are grouped by; null: processes alone
 * @property {Uint32Array} off
 * @property {Uint32Array} sumOff
 * @property {Float64Array} t
 * @property {Uint8Array} cat
 * @property {Int32Array} ref
 * @property {Float64Array} sums
 * @property {Uint32Array} rowOf of each request; 0xffffffff: filtered out
 */

/**
 * Requests by name: one section for each name that a process has requests of, those that took most
 * time first; what has no place in the list is in each process's last one.
 * @typedef {object} Sections
 * @property {Uint32Array} of the section of each request
 * @property {Uint32Array} process of each section
 * @property {Int32Array} name string of each section; -1: other names
 * @property {Uint32Array} count requests in each
 */

/**
 * @typedef {object} Load of threads of one kind
 * @property {number} threads 0: there are none, or it is not known
 * @property {number} share of their time that was taken, 0 to 1
 * @property {number} busiest the same in the busiest window
 * @property {number} busiest_ns where that begins
 */

/**
 * @typedef {object} Verdict
 * @property {string[]} text
 * @property {boolean} [thread_waits]
 * @property {string} [waits_on]
 * @property {string} [waits_on_name]
 * @property {number} serving_threads
 * @property {number} requests
 * @property {number} efficiency
 * @property {number} capacity
 * @property {number} offered
 * @property {string} limit
 * @property {Load} loops
 * @property {Load} workers
 * @property {number} window_ns of both
 * @property {number} queued_requests
 * @property {number} peak_in_flight
 * @property {boolean} [saturated]
 * @property {boolean} [in_line]
 * @property {number} saturated_ns
 */

/**
 * @typedef {object} Header a header after load.header() has checked it: nothing in it is missing
 * @property {number[]} version
 * @property {number} duration_ns
 * @property {boolean} complete
 * @property {string} damage
 * @property {string} host
 * @property {string} kernel
 * @property {string} command
 * @property {string} t0_real_ns
 * @property {number} records
 * @property {{recorded_ns: number, asked_ns: number, max_bytes: number, full: boolean, forgotten: number}} window
 *     how long the recording was of which this is the end, 0: this is all of it; how much of it was to be
 *     kept, in how much memory; whether that did not fit, and how many names did not
 * @property {{recorder: number, probes: number, sample: boolean}} cost shares of one CPU, and whether the probes' is by a sample; 0: not known
 * @property {{records: number, windows: {start: number, end: number, count: number, kind: string, recording?: number}[]}} lost
 * @property {string[]} states
 * @property {string[]} ledger
 * @property {string[]} grades
 * @property {string[]} object_kinds
 * @property {{pid: number, comm: string, model: string, verdict: Verdict, recording?: number}[]} processes
 * @property {{tid: number, pid: number, process: number, comm: string, role: string,
 *     kernel: boolean, start: number, end: number, intervals: number, state_ns: number[]}[]} threads
 * @property {number} requests
 * @property {number} intervals
 * @property {{bucket_ns: number, n: number, in_flight: number[], queued: number[],
 *     states: Record<string, number[]>}} overview
 * @property {Recording[]} [recordings] A and B, when the model is made of two (merge.js)
 */

/**
 * @typedef {object} Recording one of two that are compared
 * @property {string} name of the file
 * @property {Header} header its own
 * @property {number} shift ns by which the picture shows it later
 * @property {string[]} problems what was wrong with the file
 * @property {{strings: number, objects: number, requests: number, holds: number, asks: number,
 *     threads: number, processes: number}} parts how many there are of each
 */

/**
 * @typedef {object} Model all that is known of a timeline; parts are null until they are read
 * @property {string} name of the file
 * @property {Header} header
 * @property {string[]} strings
 * @property {Objects | null} objects
 * @property {Requests | null} requests
 * @property {Pack | null} pack
 * @property {Holds | null} holds
 * @property {Asks[]} asks one behind the other
 * @property {(Track & {waits: Waits} | null)[]} threads
 * @property {Map<number, number>} tids tid → thread, the last of that number; see model.threadOf
 * @property {string[]} [problems] what was wrong with the file
 */

/** @typedef {{t0: number, t1: number}} View */

/**
 * @typedef {object} Lane one strip of the picture
 * @property {'recording' | 'process' | 'group' | 'thread' | 'row' | 'part' | 'more'} kind part: a thread once
 *     more, below a request, for the time that it held it
 * @property {string} key of what it folds, or its own
 * @property {number} y
 * @property {number} h
 * @property {string} label
 * @property {string} note
 * @property {number} process
 * @property {number} thread -1: none
 * @property {number} row -1: none
 * @property {number} of the request that a part belongs to; -1: none
 * @property {boolean} open
 */

/**
 * @typedef {object} Hit a place in the picture
 * @property {Lane} lane
 * @property {number} time
 * @property {Track | null} track
 * @property {number} per ns a pixel
 * @property {number} i interval there, -1: none
 */

/** The sources of the pure modules, for the worker that is made from them. */
waitscope.sources = /** @type {string[]} */ ([]);

/**
 * Defines a module that touches no page, and keeps its source for the worker.
 * @template T
 * @param {string} name
 * @param {() => T} factory
 * @returns {T}
 */
waitscope.pure = function (name, factory) {
    waitscope.sources.push(`waitscope.${name} = (${factory})();`);
    return factory();
};
