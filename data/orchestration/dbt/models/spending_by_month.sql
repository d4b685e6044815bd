SELECT window_start, count(*) AS accounts, sum(total) AS total
FROM {{ source('highwater', 'big-spenders') }}
GROUP BY window_start
