/*
 * One coroutine per connection, which is kept for many requests: a plain socket is read on a thread
 * of Dispatchers.IO, and in between each request waits in the way of its kind. All in one: what
 * holds no thread (delay, actor, timeout, …), what holds one (io, default, run), and both at once.
 *
 * X-Truth: `held` is for how long a thread was held, `total` how long all took.
 */
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.Timer
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.schedule
import kotlin.coroutines.resume
import kotlin.coroutines.suspendCoroutine
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.future.await
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield

val jobs = Channel<Pair<Long, CompletableDeferred<Long>>>()
val mutex = Mutex()
val scheduler = Executors.newScheduledThreadPool(1) { Thread(it).apply { isDaemon = true } }
val timer = Timer(true)

inline fun held(block: () -> Unit): Long {
    val begin = System.nanoTime()
    block()
    return System.nanoTime() - begin
}

suspend fun wait(kind: String, ms: Long): Long {
    when (kind) {
        "delay" -> delay(ms)
        "io" -> return withContext(Dispatchers.IO) { held { Thread.sleep(ms) } }
        "default" -> return withContext(Dispatchers.Default) { held { Thread.sleep(ms) } }
        "both" -> return coroutineScope {
            val thread = async(Dispatchers.IO) { held { Thread.sleep(ms) } }
            val none = async { delay(2 * ms) }
            none.await()
            thread.await()
        }
        "run" -> return held { runBlocking { delay(ms) } }
        "seq" -> {
            val numbers = sequence { for (i in 0..50) yield(i) }.iterator()
            val half = (1..25).sumOf { numbers.next() }
            delay(ms)
            check(half + (1..25).sumOf { numbers.next() } == 49 * 50 / 2)
        }
        "actor" -> CompletableDeferred<Long>().let {
            jobs.send(ms to it)
            check(it.await() == ms)
        }
        "timeout" -> check(withTimeoutOrNull(ms) { awaitCancellation() } == null)
        "yield" -> {
            repeat(50) { yield() }
            delay(ms)
        }
        "spin" -> {
            val end = System.nanoTime() + ms * 1_000_000
            while (System.nanoTime() < end) yield()
        }
        // A thread that knows nothing of coroutines has what they wait for.
        "plain" -> suspendCoroutine { waits ->
            scheduler.schedule({ waits.resume(Unit) }, ms, TimeUnit.MILLISECONDS)
        }
        // By the clock, whose milliseconds are whole: it may come early.
        "timer" -> suspendCancellableCoroutine { waits ->
            timer.schedule(ms + 1) { waits.resume(Unit) }
        }
        "future" -> CompletableFuture<Long>().let {
            scheduler.schedule({ it.complete(ms) }, ms, TimeUnit.MILLISECONDS)
            check(it.await() == ms)
        }
        "flow" -> check(flow { delay(ms); emit(ms) }.flowOn(Dispatchers.Default).first() == ms)
        "mutex" -> mutex.withLock { delay(ms) }
        "unconfined" -> withContext(Dispatchers.Unconfined) { delay(ms) }
        "children" -> coroutineScope { repeat(3) { launch { delay(ms) } } }
        else -> error("no such kind")
    }
    return 0
}

suspend fun serve(connection: Socket) {
    val buffer = ByteArray(4096)
    while (true) {
        val count = connection.getInputStream().read(buffer)
        if (count <= 0) break
        val path = String(buffer, 0, count).split(" ")[1]
        val (kind, ms) = path.split("/").drop(1)
        var held = 0L
        val total = held { held = wait(kind, ms.toLong()) }
        connection.getOutputStream().write(
            ("HTTP/1.1 200 OK\r\nX-Truth: held=$held;total=$total\r\n" +
                "Content-Length: ${path.length}\r\n\r\n$path").toByteArray())
    }
}

fun main(args: Array<String>) {
    val scope = CoroutineScope(Dispatchers.IO)
    scope.launch {
        for ((ms, answer) in jobs) {
            delay(ms)
            answer.complete(ms)
        }
    }
    val port = args.firstOrNull()?.toInt() ?: 0
    val server = ServerSocket(port, 100, InetAddress.getLoopbackAddress())
    println("connections: listening on 127.0.0.1:${server.localPort}")
    while (true) {
        val connection = server.accept()
        scope.launch { connection.use { serve(it) } }
    }
}
