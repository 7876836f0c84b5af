using Tandem.Endpoints.Wire;

namespace Tandem.Endpoints;

/// <summary>A request that is answered with an error of OpenAI's form.</summary>
internal sealed class ApiException(int status, string message, string? parameter = null, string? code = null, TimeSpan? retryAfter = null)
    : Exception(message)
{
    public int Status => status;

    public TimeSpan? RetryAfter => retryAfter;

    public ErrorReply Reply => Of(status, Message, parameter, code);

    public static ApiException Invalid(string parameter, string message, string? code = null) => new(400, message, parameter, code);

    public static ErrorReply Of(int status, string message, string? parameter = null, string? code = null) => new()
    {
        Error = new ErrorBody
        {
            Message = message,
            Type = status switch
            {
                401 => "authentication_error",
                403 => "permission_error",
                429 => "rate_limit_error",
                >= 500 => "server_error",
                _ => "invalid_request_error",
            },
            Param = parameter,
            Code = code,
        },
    };
}
