import 'dart:io';

import '../store/transport.dart';

/// HTTP by dart:io.
final class HttpTransport implements Transport {
  HttpTransport([HttpClient? client]) : _client = client ?? HttpClient() {
    _client.autoUncompress = true;
  }

  final HttpClient _client;

  @override
  Future<TransportResponse> get(
    Uri uri, {
    Map<String, String> headers = const {},
  }) async {
    final request = await _client.getUrl(uri);
    headers.forEach(request.headers.set);
    final response = await request.close();
    final names = <String, String>{};
    response.headers.forEach((name, values) => names[name] = values.join(', '));
    return TransportResponse(
      status: response.statusCode,
      headers: names,
      body: response,
    );
  }

  /// Close the connections.
  void close() => _client.close(force: true);
}
