/*
 * Kotlin coroutines behind the JDK's HTTP server: what blocks does so on a thread of
 * Dispatchers.IO, and delay() holds no thread at all.
 */
import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.File
import java.net.InetAddress
import java.net.InetSocketAddress
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

fun HttpExchange.answer(text: String, part: String, begin: Long) {
    val took = System.nanoTime() - begin
    val body = text.toByteArray()
    responseHeaders["X-Truth"] = listOf("$part=$took;total=$took")
    sendResponseHeaders(200, body.size.toLong())
    responseBody.write(body)
    close()
}

fun main(args: Array<String>) {
    val files = args[0]
    val scope = CoroutineScope(Dispatchers.Default)
    val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 128)
    server.createContext("/io/") { exchange ->
        val (ms, id) = exchange.requestURI.path.split("/").drop(2)
        scope.launch {
            val begin = System.nanoTime()
            val text = withContext(Dispatchers.IO) { File(files, "$ms-$id").readText() }
            exchange.answer(text, "awaiting", begin)
        }
    }
    server.createContext("/delay/") { exchange ->
        val (ms, id) = exchange.requestURI.path.split("/").drop(2)
        scope.launch {
            val begin = System.nanoTime()
            delay(ms.toLong())
            exchange.answer("delayed $id\n", "awaiting", begin)
        }
    }
    server.start()
    println("kotlin: listening on 127.0.0.1:${server.address.port}, pid ${ProcessHandle.current().pid()}")
}
