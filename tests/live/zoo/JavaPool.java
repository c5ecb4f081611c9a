/*
 * The JDK's HTTP server with a fixed pool of eight: a dispatcher reads the requests, a pool thread
 * does what they ask and waits for it.
 */
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;

class JavaPool {
    interface Work {
        String run(int ms, int id) throws IOException;
    }

    static int backend;
    static String files;

    static String file(int ms, int id) throws IOException {
        return new String(Files.readAllBytes(Path.of(files, ms + "-" + id)), StandardCharsets.UTF_8);
    }

    static String upstream(int ms, int id) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), backend)) {
            socket.getOutputStream().write((ms + " " + id + "\n").getBytes());
            return new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
        }
    }

    /** "/file/5/17" is done by `work` with 5 and 17; the answer says how long that took. */
    static void serve(HttpExchange exchange, Work work) throws IOException {
        String[] parts = exchange.getRequestURI().getPath().split("/");
        long begin = System.nanoTime();
        String text = work.run(Integer.parseInt(parts[2]), Integer.parseInt(parts[3]));
        long took = System.nanoTime() - begin;
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("X-Truth", "blocked=" + took + ";total=" + took);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] args) throws IOException {
        backend = Integer.parseInt(args[0]);
        files = args[1];
        HttpServer server =
            HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 128);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/file/", exchange -> serve(exchange, JavaPool::file));
        server.createContext("/upstream/", exchange -> serve(exchange, JavaPool::upstream));
        server.start();
        System.out.println("java: listening on 127.0.0.1:" + server.getAddress().getPort()
            + ", pid " + ProcessHandle.current().pid());
    }
}
