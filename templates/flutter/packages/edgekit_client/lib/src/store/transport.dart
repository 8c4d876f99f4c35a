/// The beginning of an answer; its body follows.
final class TransportResponse {
  const TransportResponse({
    required this.status,
    required this.headers,
    required this.body,
  });

  final int status;

  /// With names in lower case.
  final Map<String, String> headers;

  /// Cancelling the subscription ends the request.
  final Stream<List<int>> body;
}

/// Fetches by HTTP. An app may bring its own, with a proxy or a token.
abstract interface class Transport {
  /// Ask for [uri]; fails with any error where there is no answer.
  Future<TransportResponse> get(Uri uri, {Map<String, String> headers});
}
